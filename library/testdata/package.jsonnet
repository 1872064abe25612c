// Packages. It needs a mirror of Debian.
local package = import '../writ/package.libsonnet';

{
  run: [
    package('hello', purge=true),
    package(['sl', 'figlet'], recommends=false),
  ],
}
