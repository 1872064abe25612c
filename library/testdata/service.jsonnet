// A service with its unit. What needs a systemd that runs is done by a systemctl that writes down what it was told; it
// knows what is enabled from the real one.
local file = import '../writ/file.libsonnet';
local service = import '../writ/service.libsonnet';

local recording = |||
  #!/bin/sh
  set -e
  echo "$*" >>/var/log/systemctl
  for last; do :; done
  case $1 in
    enable | disable | is-enabled) exec /usr/bin/systemctl --root=/ "$@" ;;
    is-active) test -e "/run/active $last" ;;
    start) touch "/run/active $last" ;;
    stop) rm "/run/active $last" ;;
    show) if test -e /run/reload; then echo yes; else echo no; fi ;;
    daemon-reload) rm -f /run/reload ;;
    try-restart) ;;
    *) exit 1 ;;
  esac
|||;

local systemctl = ['/usr/local/bin/recording', 'systemctl'];

{
  run: [
    file('/usr/local/bin/recording', std.strReplace(recording, 'set -e\n', 'set -e\nshift\n'), mode='0755'),
    service('writ-hello', unit=|||
      [Service]
      ExecStart=/bin/sleep infinity

      [Install]
      WantedBy=multi-user.target
    |||, systemctl=systemctl),
    service('systemd-timesyncd.service', enabled=false, running=false, systemctl=systemctl),
  ],
}
