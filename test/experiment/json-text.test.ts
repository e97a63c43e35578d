import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { parseJsonText } from '../../common/json-text.js';

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function problemOf(text: string): unknown {
  const json = parseJsonText(text);
  return json.ok ? null : json.problem;
}

describe('text that is not JSON', () => {
  test.each([
    ['', 'line 1, column 1', 'an empty file'],
    ['  \n', 'line 2, column 1', 'an empty file'],
    ['{', 'line 1, column 2', 'the end of the file'],
    ['{\n  "a": 1,\n}', 'line 3, column 1', '"}" after a comma'],
    ['[1, 2,]', 'line 1, column 7', '"]" after a comma'],
    ['{"a": 1\r\n"b": 2}', 'line 2, column 1', '"\\""'],
    ['{"a" 1}', 'line 1, column 6', '"1"'],
    ['{"a": }', 'line 1, column 7', '"}"'],
    ['{a: 1}', 'line 1, column 2', '"a"'],
    ["{'a': 1}", 'line 1, column 2', 'JSON quotes with "'],
    ['// mine\n{}', 'line 1, column 1', 'JSON has no comments'],
    ['{} {}', 'line 1, column 4', '"{"'],
    ['["a\nb"]', 'line 1, column 4', 'a line break in the text that starts at line 1, column 2'],
    ['["a', 'line 1, column 4', 'the end of the file in the text that starts at line 1, column 2'],
    ['["\t"]', 'line 1, column 3', '"\\t"'],
    ['["\\x41"]', 'line 1, column 3', 'the escape "\\x"'],
    ['["\\u12g4"]', 'line 1, column 3', 'the escape "\\u12g4"'],
    ['[01]', 'line 1, column 2', '"01"'],
    ['[1.]', 'line 1, column 2', '"1."'],
    ['[.5]', 'line 1, column 2', '".5"'],
    ['[+1]', 'line 1, column 2', '"+1"'],
    ['[0x10]', 'line 1, column 2', '"0x10"'],
    ['[NaN]', 'line 1, column 2', 'not a JSON value'],
    ['[-Infinity]', 'line 1, column 2', '"-Infinity"'],
    ['[True]', 'line 1, column 2', '"True"'],
    ['["😀" x]', 'line 1, column 7', '"x"'],
  ])('%j fails at %s', (text, path, found) => {
    expect(isJson(text)).toBe(false);
    expect(problemOf(text)).toMatchObject({ path, found: expect.stringContaining(found) });
  });

  test('nested beyond any experiment is refused instead of exhausting the stack', () => {
    expect(problemOf('['.repeat(100_000))).toMatchObject({ allowed: expect.stringContaining('100 levels') });
  });
});

test('a key given twice is reported with both places, at any depth', () => {
  const json = parseJsonText('{"seeds": [1],\n "a": [{"b": 1, "b": 2}],\n "\\u0073eeds": [2]}');
  expect(json).toMatchObject({
    ok: true,
    repeatedKeys: [
      {
        path: 'a[0].b',
        found: expect.stringContaining('again at line 2, column 17 (first at line 2, column 9)'),
      },
      {
        path: 'seeds',
        found: expect.stringContaining('again at line 3, column 2 (first at line 1, column 2)'),
      },
    ],
  });
});

test('a byte order mark at the start is ignored', () => {
  expect(parseJsonText('\ufeff[1]')).toMatchObject({ ok: true, value: [1] });
});

function expectAgreement(text: string): void {
  const json = parseJsonText(text);
  expect(json.ok).toBe(isJson(text));
  if (json.ok) expect(json.value).toEqual(JSON.parse(text));
}

test('accepts exactly what JSON.parse accepts, with the same value', () => {
  const pretty = fc
    .tuple(fc.jsonValue(), fc.constantFrom(0, 2))
    .map(([value, indent]) => JSON.stringify(value, null, indent));
  const damaged = fc
    .tuple(
      pretty,
      fc.nat(),
      fc.nat(3),
      fc.constantFrom('', ',', '"', '}', ']', '\\', '0', '-', 'e', '\n', '\u0001', ':'),
    )
    .map(([text, at, removed, inserted]) => {
      const start = at % (text.length + 1);
      return text.slice(0, start) + inserted + text.slice(start + removed);
    });
  const symbols = fc
    .array(fc.constantFrom('{', '}', '[', ']', '"', ',', ':', '1', '-', '.', 'e', 'null', ' ', '\\', 'u'))
    .map((all) => all.join(''));
  fc.assert(fc.property(fc.oneof(pretty, damaged, symbols, fc.string()), expectAgreement), { numRuns: 3000 });
});
