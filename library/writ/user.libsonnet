// A user of this machine. A new one has no password, so nobody can log in with one.
//
//   name         of the user
//   uid          number; default: any
//   group        of its files, name or number, which must exist; default: any. A new user then gets a group of its own
//                name; where there is one already, say so: group=name
//   groups       list of names; it is a member of these at least; default: none
//   home         directory; default: any
//   shell        program; default: any
//   comment      its full name; default: any
//   system       true: the number of a new user is one of those for the system's own; default: false
//   createHome   true: the home of a new user is made, false: it is not; default: as the machine is set up
//   removeHome   true: its home is removed with it; default: false
//
// Limits: a changed home is not moved. A user with a running process is not removed. Needs getent, and useradd and its kin
// (Debian: passwd).
local words = import 'shell.libsonnet';

local numeric(text) = std.isNumber(text) || text != '' && std.stripChars(text, '0123456789') == '';

function(name, uid=null, group=null, groups=[], home=null, shell=null, comment=null, system=false, createHome=null, removeHome=false, id='user ' + name)
  assert !numeric(name) : 'user %s: a number is no name' % name;
  local word = words.quote(words.name('user', name));
  local field(number, value) =
    if value == null then null
    else 'test "$(getent passwd %s | cut -d: -f%d)" = %s' % [word, number, words.quote(value)];
  local described = words.flags({ uid: uid, gid: group, shell: shell, comment: comment });
  local modified = described + words.flags({ home: home }) + (if groups == [] then [] else ['--append', '--groups', std.join(',', groups)]);
  local made = described + words.flags({ 'home-dir': home, system: system, 'create-home': createHome == true, 'no-create-home': createHome == false })
               + (if groups == [] then [] else ['--groups', std.join(',', groups)]);
  {
    id: id,
    check: words.all([
      'getent passwd %s >/dev/null' % word,
      field(3, uid),
      if group != null then 'test "$(id %s %s)" = %s' % [if numeric(group) then '-g' else '-gn', word, words.quote(group)],
      field(5, comment),
      field(6, home),
      field(7, shell),
    ] + ["id -Gn %s | tr ' ' '\\n' | grep -xF -e %s >/dev/null" % [word, words.quote(words.name('group', member))] for member in groups]),
    change: |||
      if getent passwd %s >/dev/null; then
        %s
      else
        %s
      fi
    ||| % [
      word,
      if modified == [] then ':' else words.join(['usermod', modified, '--', name]),
      words.join(['useradd', made, '--', name]),
    ],
    remove: words.join(['userdel', if removeHome then '--remove', '--', name]),
  }
