// A Pattern: what should be so on a machine. Each Command has a check, a change and a remove; see lib/writ for more.
local file = import '../lib/writ/file.libsonnet';
local native = import '../lib/writ/native.libsonnet';

{
  run: [
    file('hello.txt', 'Hello from a %s machine.\n' % native.getOS()) + { onChange: ['say hello'] },
    {
      id: 'say hello',
      change: 'cat hello.txt',
    },
  ],
}
