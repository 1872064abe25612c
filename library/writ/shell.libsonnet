// Words of a shell's command, whatever is in them.
//
//   quote(word)          the word as a shell reads it back: as it is where nothing in it means anything to a shell, else
//                        within quotes; a number or a boolean as its text
//   join(words)          a command of words; nested lists are flattened, null is left out
//   flags(object)        --NAME VALUE for each field, --NAME alone for true, nothing for null and false
//   all(conditions)      a script that is well when each of these is; null is left out
//   name(what, text)     the text, which must be a name: not empty, no control character, and no '-' at its beginning,
//                        so that no program takes it for an option
//
// Limits: a word holds no NUL character; no argument of a program can.
local plain = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,';

{
  quote(word):
    local text = if std.isString(word) then word
    else if std.isNumber(word) || std.isBoolean(word) then std.toString(word)
    else error 'a word of a command must be a string, a number or a boolean, and is of type ' + std.type(word);
    if std.member(text, '\u0000') then error 'a word of a command holds a NUL character'
    else if text != '' && std.stripChars(text, plain) == '' then text
    else "'" + std.strReplace(text, "'", "'\\''") + "'",

  join(words):
    local flat(list) = std.flatMap(function(word) if std.isArray(word) then flat(word) else [word], list);
    std.join(' ', [$.quote(word) for word in flat(words) if word != null]),

  flags(object): std.flattenArrays([
    local value = object[name];
    if value == null || value == false then []
    else if value == true then ['--' + name]
    else ['--' + name, value]
    for name in std.objectFields(object)
  ]),

  all(conditions): std.join(' &&\n', std.filter(function(condition) condition != null, conditions)) + '\n',

  name(what, text):
    if !std.isString(text) then error '%s must be a string, and is of type %s' % [what, std.type(text)]
    else if text == '' then error what + ' is empty'
    else if text[0] == '-' then error '%s %s: begins with -' % [what, std.manifestJsonMinified(text)]
    else if std.length([c for c in std.stringChars(text) if std.codepoint(c) < 32 || std.codepoint(c) == 127]) > 0 then error '%s %s: holds a control character' % [what, std.manifestJsonMinified(text)]
    else text,
}
