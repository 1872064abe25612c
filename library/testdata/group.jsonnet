// Groups, of any number and of one.
local group = import '../writ/group.libsonnet';

{
  run: [
    group('writ-any', system=true),
    group('writ-number', gid=4242),
  ],
}
