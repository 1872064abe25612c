// A group of this machine.
//
//   name     of the group
//   gid      number; default: any
//   system   true: the number of a new group is one of those for the system's own; default: false
//
// Limits: its members are given with the users. Needs getent, and groupadd and its kin (Debian: passwd).
local shell = import 'shell.libsonnet';

function(name, gid=null, system=false, id='group ' + name)
  local word = shell.quote(shell.name('group', name));
  local number = if gid == null then [] else ['--gid', gid];
  {
    id: id,
    check: shell.all([
      'getent group %s >/dev/null' % word,
      if gid != null then 'test "$(getent group %s | cut -d: -f3)" = %s' % [word, shell.quote(gid)],
    ]),
    change: |||
      if getent group %s >/dev/null; then
        %s
      else
        %s
      fi
    ||| % [
      word,
      if gid == null then ':' else shell.join(['groupmod', number, '--', name]),
      shell.join(['groupadd', number, if system then '--system', '--', name]),
    ],
    remove: shell.join(['groupdel', '--', name]),
  }
