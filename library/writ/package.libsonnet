// Packages of Debian and its kin, installed with apt. Several in one Command are one run of apt.
//
//   names        name, or list of names; 'NAME=VERSION' asks for that version
//   recommends   false: what they recommend is not installed; default: true
//   purge        true: their configuration is removed with them; default: false
//
// The lists of what there is are fetched anew only where a package cannot be had with those that are there. A lock that
// another apt holds is waited for, five minutes.
//
// Limits: a package that is not asked for by version is not upgraded. What was installed because they need it stays when they
// are removed (see apt-get autoremove); they are not removed where others that need them would go as well.
local shell = import 'shell.libsonnet';

local letters = 'abcdefghijklmnopqrstuvwxyz0123456789';

// parse checks a name, in which apt would see a pattern, or a wish to remove the package.
local parse(text) =
  local parts = std.splitLimit(text, '=', 1);
  local name = parts[0];
  local versions = letters + std.asciiUpper(letters) + '.+~:-';
  assert name != '' && std.stripChars(name, letters + '+-.:') == '' && std.member(letters, name[0]) && !std.endsWith(name, '-') :
         'package %s: not the name of a package' % std.manifestJsonMinified(text);
  assert std.length(parts) == 1 || parts[1] != '' && std.stripChars(parts[1], versions) == '' :
         'package %s: not a version' % std.manifestJsonMinified(text);
  { name: name, version: if std.length(parts) == 2 then parts[1] else null };

function(names, recommends=true, purge=false, id=null)
  local list = if std.isArray(names) then names else [names];
  assert list != [] : 'package: no names';
  local packages = [parse(name) for name in list];
  local plain = [package.name for package in packages];
  local versions = std.length([0 for package in packages if package.version != null]) > 0;
  local install = ['install', if !recommends then '--no-install-recommends', if versions then '--allow-downgrades'];
  local remove = if purge then 'purge' else 'remove';
  {
    id: if id != null then id else 'package ' + std.join(' ', list),
    check: shell.all([
      "dpkg-query --show --showformat '${db:Status-Status} ${Version}\\n' %s 2>/dev/null | grep %s >/dev/null" % [
        shell.quote(package.name),
        if package.version == null then "'^installed '" else "-xF 'installed %s'" % package.version,
      ]
      for package in packages
    ]),
    change: |||
      set -e
      export DEBIAN_FRONTEND=noninteractive
      apt_get() {
        apt-get --quiet --yes -o APT::Cmd::Pattern-Only=true -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "$@"
      }
      apt_get %s || apt_get update
      apt_get %s
    ||| % [shell.join([install, '--download-only', list]), shell.join([install, list])],
    remove: |||
      set -e
      export DEBIAN_FRONTEND=noninteractive LC_ALL=C
      others=$(apt-get --simulate %s | sed -n 's/^\(Remv\|Purg\) \([^ ]*\).*/\2/p' | sort -u | grep -vxF %s || :)
      if test -n "$others"; then
        printf 'not removed: these would go as well:\n%%s\n' "$others" >&2
        exit 1
      fi
      apt-get --quiet --yes -o DPkg::Lock::Timeout=300 %s
    ||| % [shell.join([remove, plain]), shell.join([['-e', name] for name in plain]), shell.join([remove, plain])],
  }
