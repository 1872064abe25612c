// What % and std.format are in a program: texts formatted in Go. The evaluator's own are Jsonnet that looks at each character, and
// are called where Go leaves a text to them: it has a mistake, which they name, or something rare. No value is evaluated that
// they may not need.
local type = std.type, fill = std.native('format'), codesOf = std.native('formatCodes');

// plain is a value as Go takes it: an array or object as %s shows it, and an empty array, which has no code, for a function.
local plain(value) =
  local kind = type(value);
  if kind == 'array' || kind == 'object' then std.toString(value) else if kind == 'function' then [] else value;

local filled(str, vals) =
  local kind = type(vals);
  local codes = codesOf(str);
  if kind == 'array' then (if std.length(vals) == codes.count then fill(str, [plain(value) for value in vals], 'list'))
  else if kind == 'object' then
    (if codes.keys != null then fill(str, [if std.objectHasAll(vals, key) then plain(vals[key]) else error 'No such field: ' + key for key in codes.keys], 'keys'))
  else if kind != 'function' then fill(str, vals, 'one');

{
  format(str, vals)::
    local formatted = if type(str) == 'string' then filled(str, vals);
    if formatted != null then formatted else std.format(str, vals),
  mod(a, b)::
    local formatted = if type(a) == 'string' then filled(a, b);
    if formatted != null then formatted else std.mod(a, b),
}
