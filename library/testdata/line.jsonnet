// Lines of a file that is there, appended and set.
local line = import '../writ/line.libsonnet';

{
  run: [
    {
      id: 'the file',
      check: 'test -e /srv/line.conf',
      change: "printf '#Port 1\\nName=old\\n' >/srv/line.conf",
      remove: 'rm /srv/line.conf',
    },
    line('/srv/line.conf', '^#?Port\\b', 'Port 22'),
    line('/srv/line.conf', '^(\\w+)=', '${1}=new'),
    line('/srv/line.conf', '^absent$', "it's $(touch broken) ${HOME} `x` \\"),
  ],
}
