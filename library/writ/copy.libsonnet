// A copy of a file of the machine, or of what an http or https URL gives. See download.libsonnet for what is fetched by
// its checksum.
//
//   path       of the copy; its directory must exist
//   from       path, or URL; that may carry headers: 'https://h/p#NAME:VALUE\r\nNAME:VALUE'
//   checksum   'sha256:HEX' or 'sha512:HEX'; with it a copy that has it is well, without a look at where it is from.
//              Default: they are compared, so a URL is fetched at each check
//   mode       octal digits in a string; default: as it is, 0644 where the copy is made, whatever the source has
//   owner      name or number; default: as it is, and who runs this where the copy is made
//   group      name or number; default: likewise
//   writ       the program; default: the one in PATH
//
// Limits: one file. A URL that may hold a secret (headers, a query, a password) is given to the script on standard input, so
// no other user of the machine sees it.
local shell = import 'shell.libsonnet';

function(path, from, checksum=null, mode=null, owner=null, group=null, id='copy ' + path, writ='writ')
  local isURL = std.startsWith(std.asciiLower(from), 'http://') || std.startsWith(std.asciiLower(from), 'https://');
  local private = isURL && std.length([c for c in std.stringChars(from) if std.member('#?@', c)]) > 0;
  local described = shell.flags({ checksum: checksum, mode: mode, owner: owner, group: group });
  local source = ['--from', if private then '-' else if from == '-' then './-' else from];
  {
    id: id,
    check: shell.join([writ, 'copy', 'check', source, described, '--', path]),
    change: shell.join([writ, 'copy', 'change', source, described, '--', path]),
    remove: shell.join([writ, 'copy', 'remove', '--', path]),
    [if private then 'stdin']: from,
  }
