// What % and std.format are in a program: texts formatted in Go. The evaluator's own are Jsonnet that looks at each character, and
// are called where Go leaves a text to them: it has a mistake, which they name, or something rare. No value is evaluated that they
// may not need, and none is further down the stack here than there.
local type = std.type, length = std.length, modulo = std.modulo, fill = std.native('format'), codesOf = std.native('formatCodes');

// plain is a value as Go takes it: an array or object as %s shows it, and an empty array, which has no code, for a function.
local plain(value) =
  local kind = type(value);
  if kind == 'array' || kind == 'object' then '' + value else if kind == 'function' then [] else value;

local value(vals, key) = if std.objectHasAll(vals, key) then plain(vals[key]) else error 'No such field: ' + key;

// filled is null where a text is left to the evaluator's own.
local filled(str, vals) =
  local kind = type(vals);
  local codes = codesOf(str);
  if kind == 'array' then (if length(vals) == codes.count then fill(str, std.map(plain, vals), 'list'))
  else if kind == 'object' then (if codes.keys != null then fill(str, [value(vals, key) for key in codes.keys], 'keys'))
  else if kind != 'function' then fill(str, vals, 'one');

{
  format(str, vals)::
    local formatted = if type(str) == 'string' then filled(str, vals);
    if type(vals) != 'function' && formatted != null then formatted else std.format(str, vals), // vals first: not as deep
  mod(a, b)::
    if type(a) == 'string' then
      local formatted = filled(a, b);
      if formatted != null then formatted else std.format(a, b)
    else if type(a) == 'number' && type(b) == 'number' then modulo(a, b)
    else std.mod(a, b),
}
