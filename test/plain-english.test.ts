import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { repositoryPath } from './support/child-processes.js';
import { HIDING_WORDS } from './support/hiding-words.js';

/** Texts of other programs, or of releases: their words are not ours to change. */
const NOT_OURS =
  /^(package-lock\.json|db\/migrations\/|test\/(histories|releases|fixtures)\/|models\/trained-loop\/)/;
const OF_TEXT = /(^|\/)(Dockerfile|\.env\.example)$|\.(ts|mjs|js|md|json|yml|yaml|sh|py|c|go)$/;
/** Files that have the words because they search for them. */
const OF_THE_SEARCH: readonly string[] = ['test/plain-english.test.ts', 'test/support/hiding-words.ts'];

interface Finding {
  readonly file: string;
  readonly line: number;
  readonly word: string;
  readonly instead: string;
}

/**
 * Names that are no words of a sentence: the Unix user "nobody" or `nobody`, also at its line in /etc/passwd, and
 * the value 'nobody' in the JSON of `status`.
 */
const NAME_NOBODY = /(?<=["'`])nobody(?=["'`])|\bnobody(?=:)/g;

function findingsIn(file: string, source: string): Finding[] {
  const text = source.replaceAll(NAME_NOBODY, '');
  return HIDING_WORDS.flatMap(([word, instead]) =>
    // A comment may break its line within "is told".
    [
      ...text.matchAll(
        new RegExp(String.raw`\b${word.replace(' ', String.raw`\s+(?:[*#]\s+|//\s+)?`)}\b`, 'gi'),
      ),
    ].map(({ index }) => ({ file, line: text.slice(0, index).split('\n').length, word, instead })),
  );
}

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
  cwd: repositoryPath('.'),
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => OF_TEXT.test(file) && !NOT_OURS.test(file) && !OF_THE_SEARCH.includes(file))
  .filter((file) => existsSync(repositoryPath(file)));
const findings = files.flatMap((file) => findingsIn(file, readFileSync(repositoryPath(file), 'utf8')));
const isIn = (file: string, room: string): boolean => file === room || file.startsWith(`${room}/`);

test.each([
  ['a comment', '/** Whoever calls it. */', [1, 'whoever']],
  ['a title of a test', "\ntest('nobody waits', () => {})", [2, 'nobody']],
  ['a comment that breaks its line in the words', '/**\n * It is\n * told.\n */', [2, 'is told']],
])('a word that hides the actor is found in %s', (_, text, [line, word]) => {
  expect(findingsIn('a.ts', text)).toEqual([expect.objectContaining({ file: 'a.ts', line, word })]);
});

test('such letters within another word, the Unix user, and a value of JSON are no finding', () => {
  expect(
    findingsIn('a.ts', 'His toldo, nobodyElse, this told; the user "nobody"; { by: \'nobody\' }'),
  ).toEqual([]);
});

test('no sentence of ours hides its actor', () => {
  for (const room of ['workers', 'test', 'docs', 'README.md'])
    expect(files.some((file) => isIn(file, room))).toBe(true);
  expect(
    findings.map(({ file, line, word, instead }) => `${file}:${line} has "${word}": ${instead}`),
  ).toEqual([]);
});
