// A directory. A symbolic link at its path is followed.
//
//   path        of the directory
//   mode        octal digits in a string, '0750'; default: as it is, 0755 where the directory is made
//   owner       name or number; default: as it is, and who runs this where the directory is made
//   group       name or number; default: likewise
//   parents     true: the directories above are made as well, 0755, and stay when this one is removed; default: they must
//               exist
//   recursive   true: it is removed with what is in it; default: only when it is empty
//   writ        the program; default: the one in PATH
//
// Limits: what is in it is not looked at. Nothing is removed through a symbolic link, or on another file system.
local shell = import 'shell.libsonnet';

function(path, mode=null, owner=null, group=null, parents=false, recursive=false, id='dir ' + path, writ='writ')
  local described = shell.flags({ mode: mode, owner: owner, group: group });
  {
    id: id,
    check: shell.join([writ, 'dir', 'check', described, '--', path]),
    change: shell.join([writ, 'dir', 'change', described, shell.flags({ parents: parents }), '--', path]),
    remove: shell.join([writ, 'dir', 'remove', shell.flags({ recursive: recursive }), '--', path]),
  }
