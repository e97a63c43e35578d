import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../db/index.js';
import { config, finishExperiment } from '../support/small-experiment.js';
import { repositoryPath } from '../support/child-processes.js';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { runCommand } from '../support/standing-program.js';

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a red fox'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 4,
};

let folder: string;
/** A data folder with an experiment, for copies. */
let original: string;
let id: string;

beforeAll(async () => {
  folder = folderWith({ 'experiment.json': EXPERIMENT });
  original = join(folderWith(), 'data');
  const store = openStore(original);
  id = await finishExperiment(store, config);
  await store.close();
});
afterAll(cleanUp);

/** Runs a line of bash, where \`p\` is the program. Node itself cannot pass bytes that are not UTF-8. */
function bash(line: string) {
  const main = repositoryPath('dist/cli/main.js');
  const script = `node="$0"; main="$1"; p() { "$node" "$main" "$@"; }; ${line}`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, main], {
    cwd: folder,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

/** A refused command leaves nothing behind. */
function expectNothingMade(): void {
  expect(readdirSync(folder)).toEqual(['experiment.json']);
}

type Variables = Readonly<Record<string, string>>;
const RUN = ['run', 'experiment.json'] as const;

describe('a command refuses, before it makes anything:', () => {
  test.each<[string, readonly string[], RegExp, Variables?]>([
    ['an empty option', [...RUN, '--data', ''], /--data is empty: ""/],
    ['a blank option', [...RUN, '--data', '  '], /--data is empty: "  "/],
    ['an empty option of a command below another', ['objects', 'copy', '--to', ''], /--to is empty/],
    ['an empty option of its own', ['worker', '--identity', ''], /--identity is empty/],
    ['an empty argument', ['show', ''], /<id> is empty/],
    ['an empty name among several', ['models', 'pull', 'AllMiniLML6v2', ''], /is empty: ""/],
    ['a data folder that is an address', [...RUN, '--data', 'file:///srv/x'], /is an address and no path/],
    ['a data folder with a blank before it', [...RUN, '--data', ' /srv/x'], /begins with white space/],
    [
      "another's home folder that no shell replaced",
      ['list', '--data', '~lab/x'],
      /begins with "~" and a name/,
    ],
    ['a variable that no shell replaced', ['list', '--data', '$HOME/x'], /begins with a variable/],
    [
      'a file in place of the data folder',
      ['list', '--data', 'experiment.json'],
      /it is a file, not a folder/,
    ],
    ['a data folder below a file', ['list', '--data', 'experiment.json/x'], /a part of its path is a file/],
    [
      'a data folder in which SQLite opens nothing',
      [...RUN, '--data', 'deep/'.repeat(100)],
      /its path has \d+ bytes, and SQLite takes 474 here/,
    ],
    ['a home folder that no shell replaced', [...RUN, '--data', '~/x'], /begins with "~"/],
    [
      'an address of Temporal with a scheme',
      RUN,
      /it can be HOST:PORT/,
      { TEMPORAL_ADDRESS: 'http://localhost:1' },
    ],
    ['the same for a worker', ['worker'], /it can be HOST:PORT/, { TEMPORAL_ADDRESS: 'http://localhost:1' }],
    ['a bucket with a blank before it', RUN, /no place for objects/, { PANIC_TDA_OBJECTS: ' s3://lab/x' }],
    ['a port that is none', RUN, /a port of 1 to 65535/, { TEMPORAL_ADDRESS: 'localhost:65536' }],
    [
      'a certificate that is not there',
      RUN,
      /TEMPORAL_TLS_SERVER_CA_CERT_PATH .*\/gone\.pem is not there/,
      { TEMPORAL_ADDRESS: '127.0.0.1:1', TEMPORAL_TLS_SERVER_CA_CERT_PATH: '/gone.pem' },
    ],
    ['a bucket with one slash', RUN, /no place for objects/, { PANIC_TDA_OBJECTS: 's3:/lab/x' }],
  ])('%s', async (_, args, words, env = {}) => {
    const { code, stderr } = await runCommand(folder, args, env);
    expect(stderr).toMatch(words);
    expect(code).toBe(2);
    expectNothingMade();
  });

  test('a data folder over a link to a disk that is not mounted', async () => {
    const link = join(folder, 'disk');
    symlinkSync('gone', link);
    const { code, stderr } = await runCommand(folder, ['list', '--data', 'disk/x']);
    rmSync(link);
    expect(stderr).toMatch(/the link .*disk leads to gone, where nothing is/);
    expect(code).toBe(2);
    expectNothingMade();
  });

  // Node itself cannot pass such bytes.
  test.each([
    [
      'bytes that are no UTF-8',
      `p run experiment.json --data $'caf\\xe9'`,
      /\$'caf\\xe9' holds bytes that are no UTF-8/,
    ],
    ['such bytes in a file', `p plan $'caf\\xe9.json'`, /holds bytes that are no UTF-8/],
    [
      'such bytes in a variable',
      `PANIC_TDA_DATA=$'caf\\xe9' p run experiment.json`,
      /PANIC_TDA_DATA holds bytes/,
    ],
  ])('%s', (_, line, words) => {
    const { status, stderr } = bash(line);
    expect(stderr).toMatch(words);
    expect(status).toBe(2);
    expectNothingMade();
  });

  test('a current folder that was deleted', () => {
    const { status, stderr } = bash('mkdir gone && cd gone && rmdir ../gone && p list');
    expect(stderr).toMatch(/the current folder is not there any more.*change to another folder/);
    expect(status).toBe(2);
    expectNothingMade();
  });

  test('a current folder whose bytes are not UTF-8', () => {
    const { status, stderr } = bash(
      `mkdir $'caf\\xe9' && (cd $'caf\\xe9' && p list); code=$?; rm -r $'caf\\xe9'; exit $code`,
    );
    expect(stderr).toMatch(/current folder holds bytes that are no UTF-8 \(\$'.*caf\\xe9'\)/);
    expect(status).toBe(2);
    expectNothingMade();
  });
});

describe('a file that is no SQLite file in its place is refused with its path:', () => {
  afterEach(() => rmSync(join(folder, 'd'), { recursive: true }));

  const folderThere = { words: 'is a folder, and panic-tda keeps an SQLite file there', isFolder: true };
  const textThere = { words: 'is not a database of SQLite', isFolder: false };
  test.each(
    ['panic-tda.sqlite', 'run.lock'].flatMap((name) => [
      { name, ...folderThere },
      { name, ...textThere },
    ]),
  )('$name $words', async ({ name, words, isFolder }) => {
    const path = join(folder, 'd', name);
    mkdirSync(isFolder ? path : join(folder, 'd'), { recursive: true });
    if (!isFolder) writeFileSync(path, 'something else\n');
    // Only some commands reach the lock of a folder without experiments.
    const all = [['list'], ['status'], ['plan', 'experiment.json'], RUN];
    for (const command of name === 'run.lock' ? [['list'], RUN] : all) {
      const { code, stderr } = await runCommand(folder, [...command, '--data', 'd']);
      expect(stderr).toContain(`${path} ${words}`);
      expect(code).toBe(2);
    }
  });
});

test('a data folder that is a link to a folder is used', async () => {
  const parent = folderWith();
  mkdirSync(join(parent, 'real'));
  symlinkSync('real', join(parent, 'link'));
  expect(await runCommand(parent, ['list', '--data', 'link/new'])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('No experiments in') as unknown,
  });
});

test('help and version need no folder', () => {
  expect(bash('mkdir gone && cd gone && rmdir ../gone && p --version')).toMatchObject({
    status: 0,
    stderr: '',
  });
});

test.each(['set #1', '50%25 of ?x=1&y', `it's "so"`, 'two\nlines', 'ä \u{1F98A} \uFFFD', ' blanks '])(
  'the program uses the data folder %j as it is given',
  async (name) => {
    const parent = folderWith();
    const data = join(parent, name);
    cpSync(original, data, { recursive: true });
    const listed = await runCommand(parent, ['list', '--json', '--data', name]);
    expect(JSON.parse(listed.stdout)).toMatchObject([{ id }]);
    expect((await runCommand(parent, ['pause', id, '--data', name])).stderr).toMatch(/completed/);
    expect(existsSync(join(data, 'panic-tda.sqlite'))).toBe(true);
    expect(readdirSync(parent)).toEqual([name]);
  },
);
