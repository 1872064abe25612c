// Files, with each argument, and with names that a shell would take apart.
local dir = import '../writ/dir.libsonnet';
local file = import '../writ/file.libsonnet';

{
  run: [
    dir('/srv/file'),
    file('/srv/file/any'),
    file('/srv/file/empty', ''),
    file('/srv/file/text', "it's $(touch broken)\nand `touch broken`\n", mode='0640', owner='daemon', group=2),
    file('/srv/file/a \'b\' "c" $(touch broken) `touch broken` \\ *\n--', 'x'),
    file('/srv/file/-n', 'x', mode='4755', writ='/usr/local/bin/writ'),
  ],
}
