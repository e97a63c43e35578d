import { describe, expect, test } from '@jest/globals';
import { assert, constantFrom, integer, oneof, property, string } from 'fast-check';
import {
  excerptOf,
  isBlank,
  onOneLine,
  storableMessage,
  textFault,
  visible,
  visibleLine,
} from '../../common/text.js';
import { actingIn, NASTY } from '../support/nasty.js';

/** `White_Space` of Unicode's PropList.txt. */
const WHITE_SPACE = [
  9, 10, 11, 12, 13, 0x20, 0x85, 0xa0, 0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007,
  0x2008, 0x2009, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000,
].map((code) => String.fromCodePoint(code));

describe('a text is blank', () => {
  test.each([
    ['nothing', ''],
    ['all white space of Unicode', WHITE_SPACE.join('')],
    ['a zero-width space', '\u200b'],
    [
      'joiners, marks of direction, a byte order mark',
      '\u200c\u200d\u200e\u200f\u2060\ufeff\u061c\u202a\u2066',
    ],
    ['a soft hyphen', '\u00ad'],
    ['variation selectors and tags', '\ufe0f\u{e0100}\u{e0061}\u{e007f}'],
    ['Hangul fillers', '\u115f\u1160\u3164\uffa0'],
    ['the Braille pattern without dots', '\u2800'],
    ['the null notehead of music', '\u{1d159}'],
    ['marks without a letter', '\u0301\u20e3'],
    ['controls', '\u0001\u007f\u009f'],
    ['code points that are no characters', '\ufffe\ufdd0\u{1ffff}'],
    ['of several of these', ' \u200b\u3164\t\u2800\u0301'],
  ])('of %s', (_, text) => {
    expect(isBlank(text)).toBe(true);
    expect(textFault(text)).toBe('blank');
  });

  test.each([
    ['a'],
    ['\u200b.\u200b'],
    ['緑'],
    ['é'],
    ['e\u0301'],
    ['👩‍👩‍👧'],
    ['1\ufe0f\u20e3'],
    ['\ufffd'],
    ['ㅎ'],
    ['⠁'],
  ])('not if it has a visible character: %j', (text) => {
    expect(isBlank(text)).toBe(false);
    expect(textFault(text)).toBeNull();
  });
});

test('halves of surrogate pairs and U+0000 are faults, wherever they stand; whole pairs are none', () => {
  for (const text of ['\ud83d', 'a\ud83d', '\ude00a', 'a\ude00\ud83d', '\ud83d\ud83d\ude00']) {
    expect(textFault(text)).toBe('lone surrogate');
  }
  expect(textFault('a\0')).toBe('NUL');
  expect(textFault('a 😀')).toBeNull();
});

describe('on one line', () => {
  test.each(WHITE_SPACE.filter((space) => space !== ' '))('white space becomes one space: %j', (space) => {
    expect(onOneLine(`${space}a${space}b ${space} c${space}`)).toBe('a b c');
  });

  test('spaces stay, except those at the ends', () => {
    expect(onOneLine('  a  b \u200b ')).toBe('a  b \u200b');
  });

  test('the time for a long stretch of white space grows only with its length', () => {
    expect(onOneLine(`a${' '.repeat(1_000_000)}b${'\t'.repeat(1_000_000)}`)).toHaveLength(1_000_002);
  });
});

describe('an excerpt', () => {
  const text = string({
    unit: oneof(
      string({ unit: 'binary', minLength: 1, maxLength: 1 }),
      constantFrom('\ud83d', '\ude00', '👩‍👩‍👧', 'e\u0301', '\r\n', '🇩🇪'),
    ),
  });

  test('is well-formed, no longer than asked for, and the beginning of the text', () => {
    assert(
      property(text, integer({ min: 1, max: 30 }), (whole, most) => {
        const excerpt = excerptOf(whole, most);
        expect(excerpt.isWellFormed()).toBe(true);
        expect(excerpt.length).toBeLessThanOrEqual(most);
        const begun = excerpt.endsWith('…') && excerpt !== whole ? excerpt.slice(0, -1) : excerpt;
        expect(whole.toWellFormed().startsWith(begun)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('splits no character that people see as one', () => {
    expect(excerptOf('ab😀cd', 4)).toBe('ab…');
    expect(excerptOf('ab😀cd', 5)).toBe('ab😀…');
    expect(excerptOf('ae\u0301x', 3)).toBe('a…');
    expect(excerptOf('x👩‍👩‍👧y', 6)).toBe('x…');
    expect(excerptOf('🇩🇪🇫🇷', 6)).toBe('🇩🇪…');
    expect(excerptOf('abc', 3)).toBe('abc');
  });

  test('of a character that is longer than all of it is cut between code points', () => {
    expect(excerptOf(`a${'\u0301'.repeat(100)}`, 10)).toBe(`a${'\u0301'.repeat(8)}…`);
    expect(excerptOf('😀😀', 2)).toBe('…');
  });
});

test('a message loses halves of surrogate pairs and U+0000, and nothing else', () => {
  expect(storableMessage('a\ud83d\0b 😀\n\u200b')).toBe('a\ufffd\\u0000b 😀\n\u200b');
});

describe('a text made visible', () => {
  test('has no character that controls, reverses or hides, and all others as they were', () => {
    expect(actingIn(visible(NASTY))).toEqual([]);
    expect(visible('a\u001b[31mb\u009bc\u202ed\u2028e\u200bf\u{e0041}g\ud800h\ti')).toBe(
      String.raw`a\u001b[31mb\u009bc\u202ed\u2028e\u200bf\udb40\udc41g\ud800h\u0009i`,
    );
    expect(visible('two\nlines')).toBe('two\nlines');
    expect(visibleLine('two\nlines')).toBe(String.raw`two\u000alines`);
  });

  test.each([
    ['plain ASCII', 'a "b" \\ c'],
    ['letters of many scripts', 'Ærø 緑の野 крем हिन्दी'],
    ['a family of emoji, and one in colour', '👩‍👩‍👧 ❤️ 👍🏽'],
    ['Persian with joiners', 'می\u200cخواهم'],
    ['conjuncts without a ligature', 'क्\u200dष'],
    ['a variant of an ideograph', '葛\u{e0100}'],
  ])('keeps %s', (_, text) => {
    expect(visible(text)).toBe(text);
  });

  test.each([
    ['a joiner between Latin letters', 'pay\u200cpal'],
    ['a joiner at the end', 'می\u200c'],
    ['selectors in a row', '❤\ufe0f\ufe0e'],
    ['a selector after a space', ' \ufe0f'],
  ])('shows %s', (_, text) => {
    expect(visible(text)).toMatch(/\\u(200c|fe0e|fe0f)/);
  });

  test('is the same when it is made visible again, and stays the same JSON document', () => {
    assert(
      property(string({ unit: 'binary', minLength: 1, maxLength: 30 }), (text) => {
        const once = visible(text);
        expect(visible(once)).toBe(once);
        expect(JSON.parse(visible(JSON.stringify(text)))).toBe(text);
      }),
    );
  });
});
