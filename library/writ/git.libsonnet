// A checkout of a git repository, at a commit, a tag, or where a branch is now.
//
//   path     of the checkout; git makes it, and the directories above
//   url      of the repository, in any form that git takes; a path must be absolute
//   commit   40 or 64 hexadecimal digits; a check then asks nobody else
//   tag      name; each check asks the repository where it is
//   branch   name; likewise. At most one of the three; default: where the repository's HEAD is
//   force    true: changes of files under version control are lost at a change, and any at a removal; default: where there
//            are such, git refuses the change if it would touch them, and the removal fails
//   writ     the program; default: the one in PATH
//
// Limits: no submodules. The whole history is fetched. Who runs this must own the checkout: give a Command's exec the user.
// git never asks for a password.
local shell = import 'shell.libsonnet';

local isCommit(text) = std.isString(text) && std.member([40, 64], std.length(text)) && std.stripChars(text, '0123456789abcdef') == '';

function(path, url, commit=null, tag=null, branch=null, force=false, id='git ' + path, writ='writ')
  assert std.length([0 for which in [commit, tag, branch] if which != null]) < 2 : 'git %s: give one of commit, tag and branch' % path;
  assert commit == null || isCommit(commit) : 'git %s: the commit must be 40 or 64 hexadecimal digits' % path;
  assert !std.startsWith(url, '-') : 'git %s: the URL begins with -' % path;
  local git(words) = shell.join(['git', '-C', path, words]);
  local remote(references) = shell.join(['git', 'ls-remote', '--exit-code', '--', url, references]) + ' | tail -n 1 | cut -f 1';
  local wanted = if commit != null then commit
  else '"$(%s)"' % (
    // a tag that has a text of its own is followed by the commit that it names
    if tag != null then remote(['refs/tags/' + tag, 'refs/tags/' + tag + '^{}'])
    else if branch != null then remote('refs/heads/' + branch)
    else remote('HEAD')
  );
  local quiet = 'export GIT_TERMINAL_PROMPT=0';
  {
    id: id,
    check: shell.all([
      quiet,
      shell.join(['test', '-e', path + '/.git']),
      'test "$(%s)" = %s' % [git(['config', '--get', 'remote.origin.url']), shell.quote(url)],
      'wanted=%s' % wanted,
      'test -n "$wanted"',
      'test "$(%s)" = "$wanted"' % git(['rev-parse', 'HEAD']),
      if force then 'test -z "$(%s)"' % git(['status', '--porcelain', '--untracked-files=no']),
    ]),
    change: shell.all([
      quiet,
      'wanted=%s' % wanted,
      'test -n "$wanted"',
      '{ %s || %s; }' % [shell.join(['test', '-e', path + '/.git']), shell.join(['git', 'clone', '--quiet', '--no-checkout', '--', url, path])],
      git(['config', 'remote.origin.url', url]),
      git(['fetch', '--quiet', '--force', '--prune', '--tags', 'origin', '+refs/heads/*:refs/remotes/origin/*']),
      git(['checkout', '--quiet', '--detach', if force then '--force']) + ' "$wanted"',
    ]),
    remove: shell.all([
      if !force then 'if test -n "$(%s)"; then\n  echo %s >&2\n  exit 1\nfi' % [
        git(['status', '--porcelain']),
        shell.quote(path + ' holds changes that are nowhere else: not removed'),
      ],
      shell.join([writ, 'dir', 'remove', '--recursive', '--', path]),
    ]),
  }
