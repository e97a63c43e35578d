import { expect, test } from '@jest/globals';
import { errorMessage, PanicError } from '../../common/errors.js';
import { keepSecrets, secretIn, withoutSecrets } from '../../common/secrets.js';
import { excerptOf, storableMessage } from '../../common/text.js';
import { PassingFailure } from '../../models/retry.js';

const KEY = 'sk-Zq8/w+7"ä&\\T4_end=';
const SHORT = 'panic1';
keepSecrets([
  { name: 'KEY', value: KEY },
  { name: 'SHORT', value: SHORT },
  { name: 'TINY', value: 'EMPTY' },
  { name: 'LONGER', value: `${KEY}-and-more` },
  { name: 'SLASHED', value: '/a/secret/of/slashes' },
]);

const base64 = (text: string): string => Buffer.from(text).toString('base64');

test.each([
  ['as it is', KEY],
  ['in JSON', JSON.stringify(KEY).slice(1, -1)],
  ['in JSON in JSON', JSON.stringify(JSON.stringify(KEY)).slice(3, -3)],
  [
    'in JSON of ASCII',
    JSON.stringify(KEY)
      .slice(1, -1)
      .replace('ä', String.raw`\u00E4`),
  ],
  [
    'in JSON with escaped slashes',
    JSON.stringify(KEY)
      .slice(1, -1)
      .replace('/', String.raw`\/`),
  ],
  ['in a URL', encodeURIComponent(KEY)],
  ['in a URL in a URL', encodeURIComponent(encodeURIComponent(KEY))],
  [
    'in a URL with small letters',
    encodeURIComponent(KEY).toLowerCase().replace('zq8', 'Zq8').replace('t4', 'T4'),
  ],
  ['in HTML', KEY.replace('&', '&amp;').replace('"', '&quot;').replace('ä', '&#228;')],
  ['in hexadecimal digits', Buffer.from(KEY).toString('hex')],
])('a secret is left out %s', (_, form) => {
  expect(withoutSecrets(`before ${form} after`)).toBe('before (KEY not shown) after');
});

test.each(['', 'u', 'us', 'use', 'user'])('a secret is left out of base64, behind "%s:"', (user) => {
  const all = base64(`${user}:${KEY}:tail`);
  for (const text of [all, all.replaceAll('+', '-').replaceAll('/', '_')]) {
    const told = withoutSecrets(`Basic ${text} x`);
    expect(told).toMatch(/^Basic \w*[^ ]{0,8}\(KEY not shown\)[^ ]{0,12} x$/);
    // Only single bits at the ends of the secret are left.
    const rest = told.replace('(KEY not shown)', '').slice(6, -2);
    expect(Buffer.from(rest, 'base64').toString()).not.toMatch(/sk-|Zq8|T4_|end/);
  }
});

test('a longer secret is named before one that it begins with', () => {
  expect(withoutSecrets(`${KEY}-and-more ${KEY}`)).toBe('(LONGER not shown) (KEY not shown)');
});

test('a short secret is left out where it stands alone, and words that hold it stay', () => {
  expect(withoutSecrets(`postgres://me:${SHORT}@host, password=${SHORT}&x "${SHORT}"`)).toBe(
    'postgres://me:(SHORT not shown)@host, password=(SHORT not shown)&x "(SHORT not shown)"',
  );
  const words = `${SHORT}-tda x${SHORT} ${SHORT}://host /${SHORT}/data EMPTY`;
  expect(withoutSecrets(words)).toBe(words);
});

test('errors, stored messages and excerpts hold no secret, and a cut leaves no part of a secret', () => {
  const said = `status 400: Bearer ${KEY}`;
  const told = 'status 400: Bearer (KEY not shown)';
  expect(new PanicError('DeviceError', said).message).toBe(told);
  expect(new PassingFailure(said).message).toBe(told);
  expect(errorMessage(new Error(said))).toBe(told);
  expect(storableMessage(said)).toBe(told);
  for (let most = 1; most < said.length; most++) {
    expect(`${told} `).toContain(excerptOf(said, most).replace(/…$/, ''));
  }
});

test('an answer of nothing but backslashes is read in a moment, and a secret behind them is found', () => {
  const flood = '\\'.repeat(2 ** 18);
  expect(withoutSecrets(flood)).toBe(flood);
  expect(withoutSecrets(`${flood}/a/secret/of/slashes`)).toMatch(/^\\*\(SLASHED not shown\)$/);
});

test('only a long secret is found in data', () => {
  expect(secretIn(`a caption with ${KEY} in it`)).toBe('KEY');
  expect(secretIn(`a caption with ${SHORT} in it`)).toBe(null);
});
