// A line of a file. Every line in which the expression finds something becomes this one; where there is none it is
// appended.
//
//   path    of the file, which must exist
//   match   regular expression (RE2), tried on each line without its end: '^#?PermitRootLogin\\b'
//   line    the line; ${1} or ${name} is what a group of the expression found
//   writ    the program; default: the one in PATH
//
// Limits: files of at most 64 MiB. Removed is the line as it is described; what was there before does not come back.
local shell = import 'shell.libsonnet';

function(path, match, line, id='line %s of %s' % [match, path], writ='writ')
  local command(verb) = shell.join([writ, 'line', verb, '--match', match, '--line', line, '--', path]);
  {
    id: id,
    check: command('check'),
    change: command('change'),
    remove: command('remove'),
  }
