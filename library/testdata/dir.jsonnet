// Directories, with each argument, and with a name that a shell would take apart.
local dir = import '../writ/dir.libsonnet';

{
  run: [
    dir('/srv/dir/above/one', parents=true),
    dir('/srv/dir/$(touch broken)\n', mode='0700', owner='daemon', group='daemon'),
    dir('/srv/recursive', mode='1777', recursive=true),
    {
      id: 'something in it',
      check: 'test -e /srv/recursive/a/b',
      change: 'mkdir -p /srv/recursive/a/b',
      remove: ':',
    },
  ],
}
