// A file from an http or https URL, known by its checksum: it is fetched when what is there does not have it, and what does
// not come to it is not kept.
//
//   path         of the file; its directory must exist
//   url          without headers
//   checksum     'sha256:HEX' or 'sha512:HEX'
//   headers      object of NAME: VALUE; default: none. They are given to the script on standard input
//   timeout      of the whole, in seconds; default: none, but a minute without a byte ends it
//   skipVerify   true: the server's certificate is not verified; the checksum is, in any case
//   mode         octal digits in a string; default: as it is, 0644 where the file is made
//   owner        name or number; default: as it is, and who runs this where the file is made
//   group        name or number; default: likewise
//   writ         the program; default: the one in PATH
//
// Limits: nothing is unpacked. Headers do not go along to another host where the server redirects there.
local copy = import 'copy.libsonnet';

function(path, url, checksum, headers={}, timeout=null, skipVerify=false, mode=null, owner=null, group=null, id='download ' + path, writ='writ')
  assert std.isString(checksum) : 'download %s: the checksum must be a string' % path;
  assert !std.member(url, '#') : 'download %s: the URL holds a #; give headers as headers' % path;
  local lines = [
    assert std.length([c for c in std.stringChars(name + headers[name]) if c == '\r' || c == '\n']) == 0 : 'download %s: header %s holds a line end' % [path, name];
    name + ': ' + headers[name]
    for name in std.objectFields(headers)
  ] + (if timeout == null then [] else ['clientTimeout: ' + timeout]) + (if skipVerify then ['clientSkipVerify:'] else []);
  copy(path, url + (if lines == [] then '' else '#' + std.join('\r\n', lines)), checksum, mode, owner, group, id, writ)
