// Symbolic links, one in the place of a file, one to what a shell would take apart.
local link = import '../writ/link.libsonnet';

{
  run: [
    link('/srv/link', '/etc/passwd'),
    link('/srv/$(touch broken) link', "it's $(touch broken)\nnowhere"),
    {
      id: 'a file',
      check: 'test -e /srv/replaced',
      change: 'touch /srv/replaced',
    },
    link('/srv/replaced', '/dev/null', force=true),
  ],
}
