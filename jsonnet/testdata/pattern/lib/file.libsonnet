// A file with its contents, mode and owner.
function(options)
  local o = {
    contents: '',
    group: 'root',
    mode: '0600',
    onChange: [],
    owner: 'root',
  } + options;
  local quoted = std.escapeStringBash(o.contents);
  local path = std.escapeStringBash(o.path);
  assert std.startsWith(o.path, '/') : 'path must be absolute: ' + o.path;
  {
    id: 'file ' + o.path,
    check: 'test "$(cat %s)" = %s && test "$(stat -c %%a:%%U:%%G %s)" = %s:%s:%s' % [
      path,
      quoted,
      path,
      std.lstripChars(o.mode, '0'),
      o.owner,
      o.group,
    ],
    change: 'install -m %s -o %s -g %s /dev/stdin %s <<<%s' % [o.mode, o.owner, o.group, path, quoted],
    remove: 'rm -f ' + path,
    [if std.length(o.onChange) > 0 then 'onChange']: o.onChange,
  }
