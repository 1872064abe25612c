// A web server of one page, for a machine whose configuration says which sites it has.
local file = import 'lib/file.libsonnet';
local native = import 'lib/native.libsonnet';
local service = import 'lib/service.libsonnet';

local config = native.getConfig();
local sites = std.get(config.vars, 'sites', []);

local site(index, name) = file({
  path: '/etc/nginx/sites-enabled/%s' % name,
  mode: '0644',
  contents: |||
    server {
      listen %(port)d;
      server_name %(name)s;
      root /srv/%(name)s;
    }
  ||| % { name: name, port: 8000 + index },
  onChange: ['restart nginx'],
});

{
  audience: std.set(['web', native.getOS()]),
  build: [
    {
      id: 'count sites',
      always: true,
      change: 'echo %d' % std.length(sites),
      onChange: ['etcha:runVar_sites'],
    },
  ],
  run: [
    file({
      path: '/etc/motd',
      contents: importstr 'files/motd.txt',
    }),
    [site(index, sites[index]) for index in std.range(0, std.length(sites) - 1)],
    service({
      name: 'nginx',
      enable: true,
    }),
  ],
}
