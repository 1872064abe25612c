// A symbolic link.
//
//   path    of the link
//   to      what it leads to, as it is written in the link; it need not exist
//   force   true: a file or an empty directory at the path is replaced; default: only another link is
//   writ    the program; default: the one in PATH
//
// Limits: removed is the link while it leads there; what it replaced does not come back.
local shell = import 'shell.libsonnet';

function(path, to, force=false, id='link ' + path, writ='writ')
  {
    id: id,
    check: shell.join([writ, 'link', 'check', '--to', to, '--', path]),
    change: shell.join([writ, 'link', 'change', '--to', to, shell.flags({ force: force }), '--', path]),
    remove: shell.join([writ, 'link', 'remove', '--to', to, '--', path]),
  }
