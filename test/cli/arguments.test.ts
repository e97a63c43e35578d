import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../db/index.js';
import { config, finishExperiment } from '../support/small-experiment.js';
import { repositoryPath } from '../support/child-processes.js';
import { cleanUp, folderWith, panicTda } from '../support/cli-process.js';

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a red fox'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 4,
};

let folder: string;

beforeAll(() => {
  folder = folderWith({ 'experiment.json': EXPERIMENT });
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

describe('a command refuses, before it makes anything:', () => {
  test.each([
    ['an empty option', `p run experiment.json --data ''`, /--data is empty: ""/],
    ['a blank option', `p run experiment.json --data '  '`, /--data is empty: "  "/],
    ['an empty option of a command below another', `p objects copy --to ''`, /--to is empty/],
    ['an empty option of its own', `p worker --identity ''`, /--identity is empty/],
    ['an empty argument', `p show ''`, /<id> is empty/],
    ['an empty name among several', `p models pull AllMiniLML6v2 ''`, /is empty: ""/],
    [
      'a data folder that is an address',
      `p run experiment.json --data file:///srv/x`,
      /is an address and no path/,
    ],
    [
      'a data folder with a blank before it',
      `p run experiment.json --data ' /srv/x'`,
      /begins with white space/,
    ],
    ["another's home folder that no shell replaced", `p list --data '~lab/x'`, /begins with "~" and a name/],
    ['a variable that no shell replaced', `p list --data '$HOME/x'`, /begins with a variable/],
    ['a file in place of the data folder', `p list --data experiment.json`, /it is a file, not a folder/],
    ['a data folder below a file', `p list --data experiment.json/x`, /a part of its path is a file/],
    [
      'a data folder over a link to a disk that is not mounted',
      `ln -s gone disk; p list --data disk/x; code=$?; rm disk; exit $code`,
      /the link .*disk leads to gone, where nothing is/,
    ],
    [
      'a data folder in which SQLite opens nothing',
      `p run experiment.json --data ${'deep/'.repeat(100)}`,
      /its path has \d+ bytes, and SQLite takes 474 here/,
    ],
    ['a home folder that no shell replaced', `p run experiment.json --data '~/x'`, /begins with "~"/],
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
    [
      'an address of Temporal with a scheme',
      `TEMPORAL_ADDRESS=http://localhost:1 p run experiment.json`,
      /it can be HOST:PORT/,
    ],
    ['the same for a worker', `TEMPORAL_ADDRESS=http://localhost:1 p worker`, /it can be HOST:PORT/],
    [
      'a bucket with a blank before it',
      `PANIC_TDA_OBJECTS=' s3://lab/x' p run experiment.json`,
      /no place for objects/,
    ],
    ['a port that is none', `TEMPORAL_ADDRESS=localhost:65536 p run experiment.json`, /a port of 1 to 65535/],
    [
      'a certificate that is not there',
      `TEMPORAL_ADDRESS=127.0.0.1:1 TEMPORAL_TLS_SERVER_CA_CERT_PATH=/gone.pem p run experiment.json`,
      /TEMPORAL_TLS_SERVER_CA_CERT_PATH .*\/gone\.pem is not there/,
    ],
    ['a bucket with one slash', `PANIC_TDA_OBJECTS=s3:/lab/x p run experiment.json`, /no place for objects/],
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

  test.each(
    ['panic-tda.sqlite', 'run.lock'].flatMap((name) => [
      { name, make: `mkdir -p d/${name}`, words: 'is a folder, and panic-tda keeps an SQLite file there' },
      { name, make: `mkdir d && echo something else > d/${name}`, words: 'is not a database of SQLite' },
    ]),
  )('$make', ({ name, make, words }) => {
    expect(bash(make).status).toBe(0);
    // Only some commands reach the lock of a folder without experiments.
    const all = ['list', 'status', 'plan experiment.json', 'run experiment.json'];
    for (const command of name === 'run.lock' ? ['list', 'run experiment.json'] : all) {
      const { status, stderr } = bash(`p ${command} --data d`);
      expect(stderr).toContain(`${join(folder, 'd', name)} ${words}`);
      expect(status).toBe(2);
    }
  });
});

test('a data folder that is a link to a folder is used', () => {
  const line =
    'mkdir real && ln -s real link && p list --data link/new; code=$?; rm -r link real; exit $code';
  expect(bash(line)).toMatchObject({ status: 0, stderr: expect.stringContaining('No experiments in') });
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
    mkdirSync(data);
    const store = openStore(data);
    const id = await finishExperiment(store, config);
    await store.close();
    const listed = await panicTda(parent, ['list', '--json', '--data', name]);
    expect(JSON.parse(listed.stdout)).toMatchObject([{ id }]);
    expect((await panicTda(parent, ['pause', id, '--data', name])).stderr).toMatch(/completed/);
    expect(existsSync(join(data, 'panic-tda.sqlite'))).toBe(true);
    expect(readdirSync(parent)).toEqual([name]);
  },
);
