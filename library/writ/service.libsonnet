// A service of systemd: its unit, whether it starts with the machine, and whether it runs. It is a list of Commands, with
// these ids (NAME with its ending, as nginx.service):
//
//   unit NAME      the unit's file, and systemd told of it
//   restart NAME   restarts it if it runs; runs only when something names it in onChange, as the unit does
//   enable NAME, or disable NAME
//   start NAME, or stop NAME
//
//   name        of the service; without an ending it is NAME.service
//   unit        text of the unit's file; default: there is one, or a package brings it
//   enabled     true: it starts with the machine, false: it does not; null: left alone; default: true
//   running     true: it runs, false: it does not; null: left alone; default: true
//   directory   of units; default: /etc/systemd/system
//   systemctl   program, or list of it and its first words; default: systemctl
//   writ        the program; default: the one in PATH
//
// What else should restart it comes before it in the list: file('/etc/app.conf', ...) + { onChange: ['restart app.service'] }
//
// Limits: services of the system, not of a user. What is not enabled, or does not run, is left so when it is removed.
local shell = import 'shell.libsonnet';

local endings = ['automount', 'device', 'mount', 'path', 'scope', 'service', 'slice', 'socket', 'swap', 'target', 'timer'];

function(name, unit=null, enabled=true, running=true, directory='/etc/systemd/system', systemctl='systemctl', writ='writ')
  assert !std.member(shell.name('service', name), '/') : 'service %s: a name holds no /' % name;
  local parts = std.split(name, '.');
  local full = if std.length(parts) > 1 && std.member(endings, parts[std.length(parts) - 1]) then name else name + '.service';
  local path = directory + '/' + full;
  local control(words) = shell.join([systemctl, words, '--', full]);
  local reload = shell.join([systemctl, 'daemon-reload']);
  std.filter(function(command) command != null, [
    if unit != null then {
      id: 'unit ' + full,
      check: shell.all([
        shell.join([writ, 'file', 'check', '--stdin', '--mode', '0644', '--', path]),
        'test "$(%s)" != yes' % control(['show', '--property=NeedDaemonReload', '--value']),
      ]),
      change: shell.all([shell.join([writ, 'file', 'change', '--stdin', '--mode', '0644', '--', path]), reload]),
      remove: shell.all([shell.join([writ, 'file', 'remove', '--', path]), reload]),
      stdin: unit,
      onChange: ['restart ' + full],
    },
    {
      id: 'restart ' + full,
      change: control('try-restart'),
    },
    if enabled == true then {
      id: 'enable ' + full,
      check: control(['is-enabled', '--quiet']),
      change: control('enable'),
      remove: control('disable'),
    } else if enabled == false then {
      id: 'disable ' + full,
      check: '! ' + control(['is-enabled', '--quiet']),
      change: control('disable'),
    },
    if running == true then {
      id: 'start ' + full,
      check: control(['is-active', '--quiet']),
      change: control('start'),
      remove: control('stop'),
    } else if running == false then {
      id: 'stop ' + full,
      check: '! ' + control(['is-active', '--quiet']),
      change: control('stop'),
    },
  ])
