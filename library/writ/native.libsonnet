// The native functions: what a Pattern can ask for while it is rendered. fallback is what they return where there is no
// answer, which else is an error. cache=true keeps a value from the build of a Pattern for its runs.
//
//   get(object, path, default)          member of an object by its path, '.a.b[0]'; kept from the build
//   getArch()                           architecture of this machine, as amd64
//   getCmd(command, fallback, cache)    output of a command
//   getConfig()                         configuration as this source sees it: exec, targets, vars
//   getEnv(key, fallback, cache)        environment variable; without a fallback '' where it is not set
//   getFile(path, fallback, cache)      contents of a file, or of an http or https URL, which may carry headers:
//                                       'https://h/p#NAME:VALUE\r\nNAME:VALUE'
//   getOS()                             operating system of this machine, as linux
//   getPath()                           directory of the Pattern; may be ''
//   getPath(path, fallback)             old form of getFile
//   getRecord(type, name, fallback, cache)   sorted values of a record of the domain name system: a, aaaa, cname, txt
//   getVar(name, default)               variable of this source: getConfig().vars[name]
//   randStr(length), randString(length)      random text
//   regexMatch(regex, string)           whether a regular expression (RE2) finds something
//   render(string)                      what a text evaluates to as Jsonnet
//   renderTemplate(template, values)    a text of Go's text/template over values
//
// Limits: what a source's configuration closes is an error that says so.
local native = std.native;

{
  get(object, path, default=null): native('get')(object, path, default),
  getArch(): native('getArch')(),
  getCmd(command, fallback=null, cache=false): native('getCmd')(command, fallback, cache),
  getConfig(): native('getConfig')(),
  getEnv(key, fallback=null, cache=false): if cache then native('getEnv')(key, fallback, cache) else native('getEnv')(key, fallback),
  getFile(path, fallback=null, cache=false): if cache then native('getFile')(path, fallback, cache) else native('getFile')(path, fallback),
  getOS(): native('getOS')(),
  getPath(path=null, fallback=null): if path == null then native('getPath')() else native('getPath')(path, fallback),
  getRecord(type, name, fallback=null, cache=false): if cache then native('getRecord')(type, name, fallback, cache) else native('getRecord')(type, name, fallback),
  getVar(name, default=null): std.get($.getConfig().vars, name, default),
  randStr(length): native('randStr')(length),
  randString(length): native('randString')(length),
  regexMatch(regex, string): native('regexMatch')(regex, string),
  render(string): native('render')(string),
  renderTemplate(template, values): native('renderTemplate')(template, values),
}
