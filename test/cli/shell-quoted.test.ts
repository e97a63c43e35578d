import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { shellQuoted } from '../../cli/context.js';

test.each([
  'plain-1.json',
  '~root',
  '~',
  'a~b',
  'two words',
  "it's",
  '$HOME',
  'a\nb',
  '*',
  '#x',
  '!x',
  '\\',
  '=x',
  '😀',
])('a shell reads a quoted word as it is: %j', (word) => {
  expect(execFileSync('sh', ['-c', `printf %s ${shellQuoted(word)}`]).toString()).toBe(word);
});
