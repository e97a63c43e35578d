import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { backUp, contentDigest, openStore, openStoreReadonly, refuseTarget } from '../../db/index.js';
import type { Backup, Store } from '../../db/index.js';
import { configWithSurrogates, finishExperiment, rejection } from '../support/small-experiment.js';
import { CAN_MOUNT, toldWhy } from '../support/mounts.js';
import { violationsIn } from '../support/store-checks.js';
import { repositoryPath } from '../support/child-processes.js';
import { cleanUp, folderWith, panicTda, startPanicTda, until } from '../support/cli-process.js';
import { untilFrozen } from '../support/frozen.js';
import { keepDecoders } from '../support/kept-decoders.js';
import { runCommand } from '../support/standing-program.js';

afterAll(cleanUp);

let folder: string;
let data: string;
let copy: string;
let id: string;
let digest: string;

/** A finished experiment with pictures, for copies. */
let original: string;
beforeAll(async () => {
  original = folderWith();
  const store = openStore(original);
  id = await finishExperiment(store);
  digest = await contentDigest(store.db, id);
  await store.close();
});
keepDecoders();

/** Copies the experiment, and adds other files of a data folder. */
beforeEach(() => {
  folder = folderWith();
  data = join(folder, 'panic-tda-data');
  copy = join(folder, 'backups', 'daily');
  cpSync(original, data, { recursive: true });
  for (const name of ['temporal', 'logs']) mkdirSync(join(data, name));
  writeFileSync(join(data, 'logs', 'worker.log'), 'a line');
  writeFileSync(join(data, 'routes.json'), '{}');
  writeFileSync(join(data, 'notes.txt'), 'mine');
});

/** Adds another experiment, with its own pictures, to the data folder. */
async function addExperiment(): Promise<string> {
  const store = openStore(data);
  const config = { ...configWithSurrogates, prompts: ['a lighthouse in fog'], seeds: [11] };
  try {
    return await finishExperiment(store, config);
  } finally {
    await store.close();
  }
}

async function inSource<T>(use: (source: ReturnType<typeof openStore>) => Promise<T>): Promise<T> {
  const source = openStoreReadonly(data)!;
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

function made(): Promise<Backup> {
  const signal = new AbortController().signal;
  const told = { version: '1', sourceFolder: data, onProgress: () => undefined, onMissing: () => undefined };
  return inSource(async (source) => {
    await refuseTarget({ source, folder: copy, signal });
    return await backUp({ ...told, source, folder: copy, signal });
  });
}

/**
 * Opens a folder only for reading and returns the digests of its experiments. Fails if it breaks an invariant.
 */
async function sound(of = copy): Promise<string[]> {
  const store: Store | null = openStoreReadonly(of);
  if (store === null) return [];
  try {
    expect(await violationsIn(store)).toEqual([]);
    const rows = await store.experiments.list();
    return (await Promise.all(rows.map((row) => contentDigest(store.db, row.id)))).sort();
  } finally {
    await store.close();
  }
}

function objectsIn(of: string): string[] {
  const names = readdirSync(join(of, 'objects'), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /\/[0-9a-f]{64}$/.test(name)).sort();
}

test('a backup is a data folder by itself: it has what the user has, and nothing that is made anew', async () => {
  const { code, stdout } = await runCommand(folder, ['backup', copy, '--json']);
  expect(code).toBe(0);
  const counts = { experiments: 1, runs: 4, objects: objectsIn(data).length, missing: 0, databaseCopies: 1 };
  const document = { folder: copy, ...counts, copied: counts.objects, leftOut: ['notes.txt'] };
  expect(JSON.parse(stdout)).toMatchObject(document);
  const own = ['objects', 'panic-tda-backup.json', 'panic-tda.sqlite', 'routes.json'];
  expect(readdirSync(copy).sort()).toEqual([...own, 'run.lock', 'workers.lock']);
  rmSync(data, { recursive: true });
  const doctor = await runCommand(folder, ['doctor', '--deep', '--data', copy]);
  expect(doctor.stdout).toContain('every invariant holds');
  expect(doctor.stdout).not.toMatch(/no row points at|cut off/);
  expect(doctor.code).toBe(0);
  expect(await sound()).toEqual([digest]);
});

test('a second backup reads what is there, copies what is new, and replaces what the disk has damaged', async () => {
  await made();
  const [damaged, lost] = objectsIn(copy);
  const file = join(copy, 'objects', damaged!);
  const bytes = readFileSync(file);
  writeFileSync(file, Buffer.concat([bytes.subarray(0, -1), Buffer.of(bytes.at(-1)! ^ 1)]));
  rmSync(join(copy, 'objects', lost!));
  const present = objectsIn(copy).length - 1;
  const other = await addExperiment();
  const fresh = objectsIn(data).length - present - 2;
  expect(fresh).toBeGreaterThan(0);
  expect(await made()).toMatchObject({ counts: { present, replaced: 1, copied: fresh + 1 }, unmentioned: 0 });
  expect(await sound()).toEqual(await sound(data));
  // The next backup lacks rows that were deleted. Their pictures stay, and the command names their number.
  expect(await runCommand(folder, ['delete', other, '--yes'])).toMatchObject({ code: 0 });
  expect(await made()).toMatchObject({ unmentioned: fresh, counts: { copied: 0 } });
  expect(await sound()).toEqual([digest]);
});

test('a backup ends while another process writes all the time', async () => {
  const library = pathToFileURL(repositoryPath('node_modules/better-sqlite3/lib/index.js')).href;
  const writer = `
    const { default: Database } = await import(${JSON.stringify(library)});
    const insert = new Database(process.argv[1], { timeout: 30000 }).prepare('insert into hosts (fingerprint) values (?)');
    for (let n = 0; ; n++) {
      insert.run(n + 'x'.repeat(4000));
      if (n === 3000) process.stdout.write('many');
      if (n > 3000) await new Promise((resolve) => setTimeout(resolve, 1));
    }`;
  const script = ['--input-type=module', '-e', writer, join(data, 'panic-tda.sqlite')];
  const child = spawn(process.execPath, script, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    await made();
    expect(child.exitCode).toBeNull();
  } finally {
    child.kill();
    await once(child, 'exit');
  }
  expect(await sound()).toEqual([digest]);
});

test('pictures that a deletion removes during a backup belong to rows that the backup lacks', async () => {
  const other = await addExperiment();
  const marker = join(folder, 'marker');
  const frozen = startPanicTda(folder, ['backup', copy, '--json'], {
    PANIC_TDA_FAULT: `backup:after-database@1@${marker}@stop`,
  });
  await until(() => existsSync(marker));
  await untilFrozen(frozen.process.pid!);
  expect(await runCommand(folder, ['delete', other, '--yes'])).toMatchObject({ code: 0 });
  frozen.process.kill('SIGCONT');
  const { code, stdout, stderr } = await frozen.ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({ databaseCopies: 2, missing: 0, experiments: 1 });
  expect(await sound()).toEqual([digest]);
});

test('a picture that the data folder itself lacks is named, and the backup has everything else', async () => {
  rmSync(join(data, 'objects', objectsIn(data)[0]!));
  const { code, stderr } = await runCommand(folder, ['backup', copy]);
  expect(stderr).toMatch(/Not in the backup: object .* is missing/);
  expect(code).toBe(1);
  expect(JSON.parse(readFileSync(join(copy, 'panic-tda-backup.json'), 'utf8'))).toMatchObject({ missing: 1 });
  expect(objectsIn(copy)).toEqual(objectsIn(data));
});

describe('a backup that is cut off', () => {
  const BEFORE = ['backup:after-database', 'backup:after-objects', 'backup:after-manifest'];
  let marker = 0;

  /** Runs the same command each time, and the fault ends it by SIGKILL. */
  async function killedAt(point: string): Promise<void> {
    const env = { PANIC_TDA_FAULT: `${point}@1@${join(folder, `marker-${marker++}`)}` };
    expect((await panicTda(folder, ['backup', copy], env)).code).toBeNull();
  }

  test('by SIGKILL leaves no first backup, or the earlier one as it was, until its last step', async () => {
    for (const point of BEFORE) {
      await killedAt(point);
      expect([point, await sound()]).toEqual([point, []]);
    }
    await killedAt('backup:after-adopted');
    expect(await sound()).toEqual([digest]);
    await addExperiment();
    for (const point of BEFORE) {
      await killedAt(point);
      expect([point, await sound()]).toEqual([point, [digest]]);
    }
    // Looks as if it had ended a moment later, between the database and its manifest.
    const file = join(copy, 'panic-tda.sqlite');
    cpSync(`${file}.unfinished`, file);
    rmSync(`${file}.unfinished`);
    expect((await made()).counts.copied).toBe(0);
    expect(await sound()).toEqual(await sound(data));
  });

  test('by Ctrl-C ends with 130, and the same command continues', async () => {
    const stopped = join(folder, 'marker');
    const running = startPanicTda(folder, ['backup', copy], {
      PANIC_TDA_FAULT: `backup:after-database@1@${stopped}@stop`,
    });
    await until(() => existsSync(stopped));
    await untilFrozen(running.process.pid!);
    running.process.kill('SIGINT');
    running.process.kill('SIGCONT');
    const { code, stderr } = await running.ended;
    expect({ code, stderr }).toMatchObject({ code: 130, stderr: expect.stringContaining('Stopped.') });
    expect(await sound()).toEqual([]);
    await made();
    expect(await sound()).toEqual([digest]);
  });
});

describe('a backup is refused, and changes nothing,', () => {
  test('if the folder holds something else or another database, or if runs have used it', async () => {
    mkdirSync(copy, { recursive: true });
    writeFileSync(join(copy, 'thesis.tex'), 'mine');
    expect(await rejection(made())).toContain('holds something else than a backup (thesis.tex)');
    expect(readdirSync(copy)).toEqual(['thesis.tex']);
    rmSync(join(copy, 'thesis.tex'));
    await made();
    const own = data;
    data = join(folder, 'other');
    const store = openStore(data);
    await finishExperiment(store);
    await store.close();
    expect(await rejection(made())).toMatch(/a backup of another database \(that of .*panic-tda-data\)/);
    data = own;
    const used = openStore(copy);
    await used.objectsPlace.settle();
    await used.close();
    expect(await rejection(made())).toMatch(
      /was written to since the backup of .* was used as a data folder/,
    );
  });

  test('if a manifest holds a key that this version does not know', async () => {
    await made();
    const manifest = join(copy, 'panic-tda-backup.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('{', '{ "colour": 1,'));
    expect(await rejection(made())).toMatch(/panic-tda-backup\.json holds what .* the unknown key "colour"/);
  });

  test.each([
    ['within the data folder', 'panic-tda-data/backup', {}, /one is within the other/],
    ['around it', '.', {}, /one is within the other/],
    ['where there is nothing', 'new', { PANIC_TDA_DATA: 'nothing' }, /does not exist/],
    [
      'of Postgres',
      'new',
      { PANIC_TDA_DATABASE: 'postgres://127.0.0.1:2/lab' },
      /pg_dump .*docs\/backup\.md/,
    ],
  ])('%s', async (_, target, env, told) => {
    const before = readdirSync(folder, { recursive: true });
    const { code, stderr } = await runCommand(folder, ['backup', target], env);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(told) });
    expect(readdirSync(folder, { recursive: true })).toEqual(before);
  });

  const noRoom =
    'if the disk has too little room; a disk that fills up meanwhile is reported, and leaves no backup';
  (CAN_MOUNT ? test : test.skip)(toldWhy(noRoom, CAN_MOUNT, 'it mounts a small disk'), () => {
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const inside = (script: string) => {
      const args = ['-m', 'sh', '-c', `mount -t tmpfs -o size=64m none /mnt; ${script}`, 'sh'];
      return spawnSync('unshare', [...args, process.execPath, main, data], { encoding: 'utf8' });
    };
    const fill = 'dd if=/dev/zero of=/mnt/full bs=64k 2>/dev/null;';
    const backUpThere = '"$1" "$2" backup /mnt/copy --data "$3"';
    const small = inside(`${fill} ${backUpThere}; code=$?; ls /mnt; exit $code`);
    expect(small.stderr).toMatch(/the backup needs \d+ MiB in \/mnt\/copy, which has 0 MiB free/);
    expect({ status: small.status, stdout: small.stdout }).toEqual({ status: 2, stdout: 'full\n' });
    const frozen = `PANIC_TDA_FAULT=backup:after-database@1@/mnt/marker@stop ${backUpThere} & until test -s /mnt/marker; do sleep 0.1; done`;
    const full = inside(
      `${frozen}; ${fill} kill -CONT $!; wait $!; code=$?; ls /mnt/copy; rm /mnt/full; ${backUpThere} >/dev/null; exit $code$?`,
    );
    expect(full.stderr).toMatch(
      /the disk of \/mnt\/copy is full; free some space, and the same command goes on/,
    );
    expect(full.stdout).not.toMatch(/^panic-tda\.sqlite$/m);
    expect(full.status).toBe(10);
  });
});
