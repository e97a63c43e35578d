import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { openStore } from '../../db/index.js';
import { config, finishExperiment } from '../support/small-experiment.js';
import { ANOTHER_CAN_RUN, AS_ANOTHER, CAN_MOUNT, IS_ROOT, toldWhy } from '../support/mounts.js';
import { dist, nextLine } from '../support/child-processes.js';
import { cleanUp, folderWith, type Ended } from '../support/cli-process.js';
import { runCommand } from '../support/standing-program.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a red fox'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 4,
};

let folder: string;
let original: string;
let data: string;
let id: string;

beforeAll(async () => {
  folder = folderWith({ 'experiment.json': EXPERIMENT });
  original = join(folder, 'original');
  const store = openStore(original);
  id = await finishExperiment(store, config);
  await store.close();
});
afterAll(cleanUp);

beforeEach(() => {
  data = join(folder, 'data');
  modes(data, 'u+rwX,go+rX');
  rmSync(data, { recursive: true, force: true });
  cpSync(original, data, { recursive: true });
  for (const lock of ['run.lock', 'workers.lock']) writeFileSync(join(data, lock), '');
  modes(folder, 'u+rwX,go+rX');
});

function modes(path: string, change: string): void {
  spawnSync('chmod', ['-R', change, path]);
}

/**
 * Takes the right to write from the user who will look. Modes do not stop root, so root then looks as another
 * user.
 */
function onlyRead(): void {
  if (!IS_ROOT) modes(data, 'a-w');
}

function command(
  words: readonly string[],
  before: readonly string[] = AS_ANOTHER,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const home: Record<string, string> = IS_ROOT ? { HOME: '/tmp' } : {};
  return runCommand(folder, [...words, '--data', data], { ...home, ...env }, before);
}

/** The command prints no text, and its one JSON document is the error. */
function expectNoAnswer(words: readonly string[], stdout: string): void {
  if (!words.includes('--json')) expect(stdout).toBe('');
  else expect(JSON.parse(stdout)).toMatchObject({ error: { kind: 'InvalidInput' } });
}

const Findings = z.object({
  findings: z.array(z.looseObject({ section: z.string(), level: z.string(), text: z.string() })),
});

async function allFindings(before: readonly string[] = AS_ANOTHER) {
  return readJson((await command(['doctor', '--json'], before)).stdout, Findings).findings;
}

async function findingsOf(section: string) {
  return (await allFindings()).filter((finding) => finding.section === section);
}

async function look(before: readonly string[] = AS_ANOTHER): Promise<void> {
  for (const words of [
    ['list'],
    ['list', '--json'],
    ['show', id],
    ['show', id, '0'],
    ['status'],
    ['status', id],
  ]) {
    const { code, stdout, stderr } = await command(words, before);
    expect([words, code, stderr]).toEqual([words, 0, '']);
    expect(stdout).toMatch(/completed|Painter/);
  }
  expect(await command(['plan', join(folder, 'experiment.json')], before)).toMatchObject({
    code: 0,
    stderr: '',
  });
  const findings = await allFindings(before);
  const database = findings.filter(({ section }) => section === 'Database');
  expect(database.map(({ level }) => level)).not.toContain('problem');
  expect(database.at(-1)?.text).toMatch(/every invariant holds/);
  expect(findings.find(({ section }) => section === 'Data folder')).toMatchObject({
    level: 'warning',
    text: expect.stringMatching(/may only be read/),
  });
}

const others = ANOTHER_CAN_RUN ? describe : describe.skip;
others(toldWhy('a data folder open only for reading', ANOTHER_CAN_RUN, 'no other user can run it'), () => {
  test('plan names such a folder, and one that it cannot make', async () => {
    const file = join(folder, 'experiment.json');
    const told = async (): Promise<unknown> => {
      const { stdout } = await command(['plan', file, '--json']);
      return readJson(stdout, z.object({ folderTrouble: z.unknown() })).folderTrouble;
    };
    onlyRead();
    expect(await told()).toBe(`${data} cannot be written to: this user may not write to it`);
    expect((await command(['plan', file])).stdout).toMatch(/Data folder\n.* may not write to it\n/);
    modes(data, 'u+w');
    rmSync(data, { recursive: true, force: true });
    if (!IS_ROOT) chmodSync(folder, 0o555);
    expect(await told()).toBe(`${folder} cannot be written to: this user may not write to it`);
  });

  test('every command that looks can read it, and makes nothing in it', async () => {
    onlyRead();
    const before = readdirSync(data).sort();
    await look();
    expect(readdirSync(data).sort()).toEqual(before);
  });

  test('a path with characters of a URI is read as it is', async () => {
    const odd = join(folder, 'data #1 ?x=%41&immutable=0');
    cpSync(data, odd, { recursive: true });
    data = odd;
    modes(data, 'u+rwX,go+rX');
    onlyRead();
    await look();
  });

  test.each([['pause'], ['resume'], ['delete', '--yes']])(
    'a command that would write refuses it with the reason: %s',
    async (...words) => {
      onlyRead();
      const { code, stderr } = await command([words[0], id, ...words.slice(1)]);
      expect(stderr).toMatch(/cannot be written to: this user may not write to it/);
      expect(code).toBe(2);
    },
  );

  test('a command reads it while a process writes to it', async () => {
    const writer = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `const { openStore } = await import(${dist('db/index.js')});
         const store = (globalThis.store = openStore(process.argv[1]));
         store.db.sqlite.exec("update experiments set name = 'from the log'");
         console.log('written');
         process.stdin.once('data', () => process.exit());`,
        data,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    try {
      expect(await nextLine(writer)).toBe('written');
      expect((await command(['list'])).stdout).toMatch(/from the log/);
    } finally {
      writer.kill('SIGKILL');
      await once(writer, 'close');
    }
    // The writer was killed: its log and the index of the log are still there.
    onlyRead();
    expect((await command(['list'])).stdout).toMatch(/from the log/);
    // Some copies lack the index.
    if (!IS_ROOT) modes(data, 'u+w');
    rmSync(join(data, 'panic-tda.sqlite-shm'));
    onlyRead();
    for (const words of [['list'], ['list', '--json'], ['status'], ['show', id]]) {
      const { code, stdout, stderr } = await command(words);
      expect(stderr).toMatch(/written last is in .*-wal, and .*-shm is missing\..*ask a user who may/);
      expect(code).toBe(2);
      expectNoAnswer(words, stdout);
    }
  });

  test('a change during an immutable read gives no rows', async () => {
    onlyRead();
    const script = `const { openStoreReadonly } = await import(${dist('db/index.js')});
      const store = (globalThis.store = openStoreReadonly(process.argv[1]));
      const names = async () => (await store.experiments.list()).map(({ id }) => id).join();
      console.log(await names());
      process.stdin.once('data', async () => {
        for (const read of [names, () => store.db.snapshot().then(async (rows) => { for await (const _ of rows.rows('select 1 from runs')); })]) {
          await read().then(() => console.log('read'), (error) => console.log(error.name + ': ' + error.message));
        }
        process.exit();
      });`;
    const words = [process.execPath, '--input-type=module', '-e', script, data];
    const [program, ...args] = [...AS_ANOTHER, 'env', 'SQLITE_USE_URI=1', ...words];
    const reader = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      expect(await nextLine(reader)).toBe(id);
      if (!IS_ROOT) modes(data, 'u+w');
      const store = openStore(data);
      store.db.sqlite.exec(`update experiments set name = 'changed'`);
      await store.close();
      reader.stdin.write('go on\n');
      const answers = (await text(reader.stdout)).trim().split('\n');
      expect(answers).toHaveLength(2);
      for (const answer of answers)
        expect(answer).toMatch(/StoreUnavailable: .*was changed by another process/);
    } finally {
      reader.kill('SIGKILL');
    }
  });
});

(CAN_MOUNT ? test : test.skip)(
  toldWhy('a data folder on a read-only mount can be read', CAN_MOUNT, 'mounts need root'),
  async () => {
    const script = `mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && shift 0 && exec "$@"`;
    const before = ['unshare', '-m', 'sh', '-c', script, data];
    await look(before);
    const { code, stderr } = await command(['pause', id], before);
    expect(stderr).toMatch(/cannot be written to: its disk is mounted for reading only/);
    expect(code).toBe(2);
  },
);

others(toldWhy('without the right to enter or read,', ANOTHER_CAN_RUN, 'no other user can run it'), () => {
  test.each([
    [['list']],
    [['list', '--json']],
    [['status']],
    [['show', 'abc']],
    [['plan', 'experiment.json']],
    [['resume', 'abc']],
    [['doctor', '--fix', '--yes']],
  ])('a command does not take a data folder for an empty one: %j', async (words) => {
    chmodSync(data, 0);
    const { code, stdout, stderr } = await command(words);
    const told = `this user may not enter ${data}`;
    // The reason stands on standard error, and with --json in the document.
    const all = words.includes('--json') ? stdout : stderr;
    expect(all.split(told)).toHaveLength(2);
    expect(stderr).not.toMatch(/Remark/);
    expect(code).toBe(2);
    expectNoAnswer(words, stdout);
  });

  test('doctor reports a problem of a data folder', async () => {
    chmodSync(data, 0);
    const findings = await allFindings();
    for (const section of ['Processes', 'Database']) {
      expect(findings.filter((finding) => finding.section === section)).toEqual([
        expect.objectContaining({ level: 'problem', text: expect.stringMatching(/may not enter/) }),
      ]);
    }
  });

  test('merge does not call a source "no data folder"', async () => {
    const source = join(folder, 'source');
    cpSync(original, source, { recursive: true });
    chmodSync(source, 0);
    data = join(folder, 'elsewhere');
    const { code, stderr } = await command(['merge', source]);
    expect(stderr).toContain(`this user may not enter ${source}`);
    expect(code).toBe(2);
  });

  test.each(['run.lock', 'panic-tda.sqlite'])('list does not take %s for an empty file', async (name) => {
    chmodSync(join(data, name), 0);
    const words = ['list', '--json'];
    const { code, stdout, stderr } = await command(words);
    expect(stderr).toContain(`${join(data, name)} cannot be read: this user may not read it`);
    expect(code).toBe(2);
    expectNoAnswer(words, stdout);
  });

  test('doctor calls no object missing and no invariant broken', async () => {
    chmodSync(join(data, 'objects'), 0);
    const database = (await findingsOf('Database')).filter(({ level }) => level === 'problem');
    expect(database).toEqual([
      expect.objectContaining({
        text: expect.stringMatching(/ended before its end: .*may not enter .*objects/),
      }),
    ]);
  });

  test.each([
    [2, ['models', 'list']],
    // This command needs no model, and says that it continues without the folder.
    [0, ['list']],
    [2, ['plan', 'experiment.json']],
  ])('a command does not take a folder of models for an empty one: %d, %j', async (expected, words) => {
    const models = join(folder, 'models');
    mkdirSync(models, { recursive: true });
    chmodSync(models, 0);
    const { code, stderr } = await command(words, AS_ANOTHER, { PANIC_TDA_MODELS: models });
    expect(stderr).toContain(`this user may not enter ${models}`);
    expect(code).toBe(expected);
  });
});
