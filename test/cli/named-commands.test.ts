import { expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as Program from '../../cli/program/create-program.js';
import { documentPages } from '../support/pages.js';

const ROOT = join(import.meta.dirname, '../..');
const SOURCES = ['activities', 'cli', 'db', 'experiment', 'models', 'workers'];
// Load the compiled program, which finds package.json beside it.
const compiled = new URL('../../dist/cli/program/create-program.js', import.meta.url).href;
const { createProgram }: Pick<typeof Program, 'createProgram'> = await import(compiled);
const program = createProgram(() => undefined);

interface Named {
  readonly where: string;
  readonly words: readonly string[];
}

/**
 * Commands that the code tells users to type: `context.command('models', 'pull', …)`, or "panic-tda models
 * pull" in a message.
 */
function namedInSources(): Named[] {
  return SOURCES.flatMap((room) =>
    readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => {
        const where = join(room, name);
        const text = readFileSync(join(ROOT, where), 'utf8');
        const calls = [...text.matchAll(/(?<![.\w])command\(\s*('[^']+'(?:,\s*'[^']+')*)/g)].map(
          ([, words]) => [...words!.matchAll(/'([^']+)'/g)].map(([, word]) => word!),
        );
        const quoted = [...text.matchAll(/"panic-tda ([^"$\n]+)/g)].map(([, words]) =>
          words!.trim().split(/\s+/),
        );
        return [...calls, ...quoted].map((words) => ({ where, words }));
      }),
  );
}

/** Commands in README.md, ARCHITECTURE.md and docs/ at the beginning of a line or a code span. */
function namedInDocs(): Named[] {
  return documentPages().flatMap(({ file: where, text }) =>
    [...text.matchAll(/npx panic-tda ([^`\n|#;&>]+)/g)].map(([, words]) => ({
      where,
      words: words!.trim().split(/\s+/),
    })),
  );
}

/** What is wrong with a command line, apart from the values of its arguments. Null if a user can type it. */
function wrongIn(words: readonly string[]): string | null {
  let command: Command = program;
  const rest = [...words];
  if (rest[0]?.startsWith('-') === true || rest[0] === 'help' || rest[0] === 'COMMAND') return null;
  do {
    const name = rest.shift();
    const found = command.commands.find((one) => one.name() === name);
    if (found === undefined) return `${command.name()} has no command ${name}`;
    command = found;
  } while (command.commands.length > 0 && rest.length > 0 && !rest[0]!.startsWith('-'));
  const known = [...command.options, ...program.options].map(({ long }) => long);
  const option = rest.find((word) => /^--[a-z]/.test(word) && !known.includes(word.replace(/[=,.)].*$/, '')));
  return option === undefined || option === '--help' ? null : `${command.name()} has no option ${option}`;
}

test.each([
  ['the code', namedInSources],
  ['a document', namedInDocs],
])('every command to type that %s names exists', (_, named) => {
  const all = named();
  expect(all.length).toBeGreaterThan(30);
  const wrong = all.flatMap(({ where, words }) => {
    const why = wrongIn(words);
    return why === null ? [] : [`${where}: "${words.join(' ')}": ${why}`];
  });
  expect(wrong).toEqual([]);
});

test('README has a row for each command, and no other row', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, table = ''] = /^\| command .*\n\|[ -|]+\n((?:\|.*\n)+)/m.exec(readme) ?? [];
  const rows = [...table.matchAll(/^\| `([a-z-]+)(?: ([a-z]+))?/gm)].map(([, name, what]) => ({
    name: name!,
    what,
  }));
  const visible = program.createHelp().visibleCommands(program);
  expect(new Set(rows.map(({ name }) => name))).toEqual(new Set(visible.map((command) => command.name())));
  const setUps = visible.find((command) => command.name() === 'setup')!.registeredArguments[0]!.argChoices;
  expect(rows.filter(({ name }) => name === 'setup').map(({ what }) => what)).toEqual(setUps);
});

test('a command that does not exist would be found', () => {
  expect(wrongIn(['resme', 'ID'])).toMatch(/no command resme/);
  expect(wrongIn(['models', 'fetch'])).toMatch(/no command fetch/);
  expect(wrongIn(['doctor', '--repair'])).toMatch(/no option --repair/);
});
