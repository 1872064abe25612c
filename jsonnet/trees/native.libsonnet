// What std.native gives a program: the functions in Go with defaults for their parameters. A fallback is evaluated only
// where it is needed, and a value that was kept is not asked for again.
local go = std.native;

// kept is what a build has kept for these arguments, else what answer, {value} or {missing}, gives now.
local kept(arguments, cache, answer, fallback) =
  local before = if cache then go('kept')(arguments) else {};
  if 'value' in before then before.value
  else
    local value =
      if 'value' in answer then answer.value
      else if fallback != null then fallback
      else error answer.missing;
    if cache then go('keep')(arguments, value) else value;

// member is a step of a path: the member of what was found so far, or nothing.
local member(found, step) =
  if !('value' in found) then {}
  else if std.isObject(found.value) && std.isString(step) && std.objectHasAll(found.value, step) then { value: found.value[step] }
  else if std.isArray(found.value) && std.isNumber(step) then
    local at = if step < 0 then std.length(found.value) + step else step;
    if at >= 0 && at < std.length(found.value) then { value: found.value[at] } else {}
  else {};

local member_at(object, path) = std.foldl(member, go('path')(path), { value: object });

local functions = {
  getArch():: go('getArch')(),
  getCmd(command, fallback=null, cache=false):: kept(['getCmd', command], cache, go('getCmd')(command), fallback),
  getConfig():: go('getConfig')(),
  getEnv(key, fallback=null, cache=false)::
    kept(['getEnv', key], cache, go('getEnv')(key), if fallback == null then '' else fallback),
  getFile(path, fallback=null, cache=false):: kept(['getFile', path], cache, go('getFile')(path), fallback),
  getOS():: go('getOS')(),
  getPath(path=null, fallback=null, cache=false)::
    if path == null then go('getPath')() else self.getFile(path, fallback, cache),
  getRecord(type, name, fallback=null, cache=false)::
    kept(['getRecord', type, name], cache, go('getRecord')(type, name), fallback),
  randStr(length):: go('randStr')(length),
  randString(length):: go('randStr')(length),
  regexMatch(regex, string):: go('regexMatch')(regex, string),
  render(string):: go('render')(string),
  renderTemplate(template, values):: go('renderTemplate')(template, values),

  // of an object: what was kept, else what is there now; of vars: what is there, else what was kept, else the default
  get(object=null, path=null, default=null, field=null)::
    local keeps = go('keeps')();
    if field == null then
      local arguments = ['get', path] + if keeps then [object] else [];
      local now = member_at(object, path);
      kept(arguments, keeps, { value: if 'value' in now then now.value else default }, null)
    else
      local now = member_at(std.get(go('getConfig')(), 'vars', {}), field);
      if 'value' in now then now.value else kept(['get', field], keeps, { value: default }, null),
};

{
  native(x):: if std.objectHasAll(functions, x) then functions[x] else go('unknown')(x, std.objectFieldsAll(functions)),
}
