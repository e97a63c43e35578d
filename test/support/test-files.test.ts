import { expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryPath } from './child-processes.js';
import { z } from 'zod';
import { readJsonFile } from './json.js';

const TESTS = repositoryPath('test');
const SECONDS = readJsonFile(join(TESTS, 'support/seconds.json'), z.record(z.string(), z.number()));
interface Sequencer {
  sort(tests: readonly { readonly path: string }[]): { readonly path: string }[];
}
const { default: LongestFirst }: { readonly default: new (options: object) => Sequencer } = await import(
  join(TESTS, 'support/sequencer.mjs')
);

function nightFiles(): string[] {
  return readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.night.test.ts'))
    .map((file) => `test/${file}`);
}

test('every file whose seconds are written down is there', () => {
  expect(Object.keys(SECONDS).filter((file) => !existsSync(join(TESTS, file)))).toEqual([]);
});

test('the longest file begins first, and one of unknown length before the short ones', () => {
  const [longest = '', shorter = ''] = Object.keys(SECONDS);
  const short = Object.keys(SECONDS).at(-1)!;
  expect(SECONDS[short]).toBeLessThan(15);
  const paths = [short, 'new.test.ts', shorter, longest].map((file) => join(TESTS, file));
  const options = { contextConfig: {}, globalConfig: {} };
  expect(new LongestFirst(options).sort(paths.map((path) => ({ path }))).map(({ path }) => path)).toEqual(
    paths.toReversed(),
  );
});

test('docs/internals/tests.md says of every file of the night what stays by day, and names no other', () => {
  const page = readFileSync(repositoryPath('docs/internals/tests.md'), 'utf8');
  const named = [...page.matchAll(/^\| `(test\/\S+\.night\.test\.ts)`/gm)].map(([, file]) => file!);
  const patterns = named.map((file) => new RegExp(`^${file.replaceAll('.', '\\.').replace('*', '[^/]*')}$`));
  expect(nightFiles().filter((file) => !patterns.some((pattern) => pattern.test(file)))).toEqual([]);
  expect(named.filter((_, index) => !nightFiles().some((file) => patterns[index]!.test(file)))).toEqual([]);
});
