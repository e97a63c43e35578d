import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { repositoryPath } from './support/child-processes.js';

const PRODUCT = [
  'cli',
  'workers',
  'activities',
  'models',
  'tda',
  'analysis',
  'db',
  'workflows',
  'experiment',
  'common',
] as const;
type Room = (typeof PRODUCT)[number];

/**
 * The rooms that a room of the product may import. Code that injects faults (`faults/`) or measures
 * (`bench/`) imports any of them.
 */
const MAY_IMPORT: Readonly<Record<Room, readonly Room[]>> = {
  common: [],
  // The workflows run in a sandbox without Node modules; activities implement the functions that the contract
  // in this room asks for.
  workflows: [],
  experiment: ['common'],
  tda: ['experiment', 'common'],
  analysis: ['tda', 'experiment', 'common'],
  db: ['experiment', 'common'],
  models: ['experiment', 'common'],
  activities: ['models', 'analysis', 'tda', 'db', 'workflows', 'experiment', 'common'],
  workers: ['activities', 'models', 'analysis', 'tda', 'db', 'workflows', 'experiment', 'common'],
  cli: ['workers', 'activities', 'models', 'analysis', 'tda', 'db', 'workflows', 'experiment', 'common'],
};

interface Import {
  readonly from: string;
  readonly to: string;
}

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.ts'], {
  cwd: repositoryPath('.'),
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && !file.startsWith('tda/assembly/'));
const imports = files.flatMap((file) => importsOf(file));

/** Imports of other files of the repository: static ones, those of types, `export ... from` and `import()`. */
function importsOf(from: string): Import[] {
  const text = readFileSync(repositoryPath(from), 'utf8');
  const statements = text.matchAll(
    /^(?:import|export)\s(?:[^'";]*?\sfrom\s)?'(\.[^']+)'|\bimport\(\s*'(\.[^']+)'/gm,
  );
  return [...statements].map(([, named, called]) => ({
    from,
    to: normalize(join(dirname(from), (named ?? called)!)).replace(/\.js$/, '.ts'),
  }));
}

const roomOf = (file: string): string => file.split('/')[0]!;
const inWords = ({ from, to }: Import): string => `${from} imports ${to}`;

test('the test reads every kind of import, and each leads to a file', () => {
  const known = new Set(files);
  expect(imports.filter(({ to }) => !known.has(to) && !to.endsWith('.json') && !to.endsWith('.mjs'))).toEqual(
    [],
  );
  for (const room of PRODUCT) expect(files.filter((file) => roomOf(file) === room)).not.toEqual([]);
  expect(imports).toContainEqual({ from: 'cli/main.ts', to: 'cli/program/create-program.ts' });
  expect(imports).toContainEqual({ from: 'activities/dependencies.ts', to: 'db/index.ts' });
});

test('a room imports the rooms below it only, types included', () => {
  const forbidden = imports.filter(({ from, to }) => {
    const [room, other] = [roomOf(from), roomOf(to)];
    return isProduct(room) && room !== other && !(isProduct(other) && MAY_IMPORT[room].includes(other));
  });
  expect(forbidden.map(inWords)).toEqual([]);
});

test('faults/ and bench/ import no test', () => {
  const forbidden = imports.filter(
    ({ from, to }) => ['faults', 'bench'].includes(roomOf(from)) && roomOf(to) === 'test',
  );
  expect(forbidden.map(inWords)).toEqual([]);
});

test('a helper that several suites of tests use stands in test/support/', () => {
  const forbidden = imports.filter(({ from, to }) => {
    const [, suite] = from.split('/');
    const [room, other] = to.split('/');
    return roomOf(from) === 'test' && room === 'test' && other !== 'support' && other !== suite;
  });
  expect(forbidden.map(inWords)).toEqual([]);
});

/** Other files that read the environment, and the reasons. */
const READS_THE_ENVIRONMENT: Readonly<Record<string, string>> = {
  'common/child-environment.ts': 'it says which variables a child process gets',
  'db/connection/compact.ts': 'SQLite takes the folder of its temporary files from a variable only',
  'db/postgres/connection.ts': "libpq's own variables",
  'db/postgres/encryption.ts': "libpq's own variables",
  'models/onnx/session.ts': 'the runtime takes its switch of telemetry from a variable only',
  'models/test-models/faulty.ts': 'models for tests, which have no other way in',
};

test('workers/settings/ reads the environment, and a few files that are named', () => {
  const readers = files.filter(
    (file) =>
      isProduct(roomOf(file)) &&
      !file.startsWith('workers/settings/') &&
      /\bprocess\.env\b/.test(readFileSync(repositoryPath(file), 'utf8')),
  );
  expect(readers.toSorted()).toEqual(Object.keys(READS_THE_ENVIRONMENT).toSorted());
});

function isProduct(room: string): room is Room {
  return PRODUCT.some((name) => name === room);
}
