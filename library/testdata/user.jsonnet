// Users, as the machine makes them and with each argument.
local group = import '../writ/group.libsonnet';
local user = import '../writ/user.libsonnet';

{
  run: [
    user('writ-any'),
    group('writ-main', gid=4243),
    group('writ-more'),
    user(
      'writ-all',
      uid=4244,
      group='writ-main',
      groups=['writ-more', 'adm'],
      home='/srv/home of all',
      shell='/bin/sh',
      comment="It's $(touch broken) a user",
      system=true,
      createHome=true,
      removeHome=true,
    ),
    user('writ-number', group=4243, createHome=false),
  ],
}
