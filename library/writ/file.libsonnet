// A file. A symbolic link at its path is followed, as `writ file --help` says; it is replaced atomically.
//
//   path       of the file; its directory must exist
//   contents   default: anything, and empty where the file is made. They are given to the script on standard input, so
//              no other user of the machine sees them
//   mode       octal digits in a string, '0600'; default: as it is, 0644 where the file is made
//   owner      name or number; default: as it is, and who runs this where the file is made
//   group      name or number; default: likewise
//   writ       the program; default: the one in PATH
//
// Limits: contents of at most 64 MiB. Removed is the file, also one that was there before.
local shell = import 'shell.libsonnet';

function(path, contents=null, mode=null, owner=null, group=null, id='file ' + path, writ='writ')
  local described = shell.flags({ mode: mode, owner: owner, group: group, stdin: contents != null });
  {
    id: id,
    check: shell.join([writ, 'file', 'check', described, '--', path]),
    change: shell.join([writ, 'file', 'change', described, '--', path]),
    remove: shell.join([writ, 'file', 'remove', '--', path]),
    [if contents != null then 'stdin']: contents,
  }
