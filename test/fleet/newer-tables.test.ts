import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import {
  connectStore,
  connectStoreReadonly,
  contentDigest,
  openStore,
  setUpDatabase,
} from '../../db/index.js';
import type { StorePlace } from '../../db/index.js';
import { cleanUp, startPanicTda, until, type Running } from '../support/cli-process.js';
import type { BuiltVersion } from '../support/built-version.js';
import { httpRequest } from '../support/http-request.js';
import { gateIn } from '../support/gate.js';
import { experimentFile } from '../support/laboratory.js';
import { laterVersion, nextVersion } from '../support/next-version.js';
import { invocationCount } from '../support/store-checks.js';
import { asSuperuser, createDatabase, suitePostgres } from '../support/suite-postgres.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { undisturbedDigest } from '../support/undisturbed.js';
import { addressOf, openFleet, serving, type Fleet } from '../support/fleet.js';

/** A run that ends only after a test has opened its gate. */
const EXPERIMENT = {
  networks: [['DummyT2I', 'GatedI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 12,
  on_cycle: 'continue',
  reuse: false,
};

const WATCHED = { ...EXPERIMENT, prompts: ['rain'] };

const server = await suitePostgres();
let undisturbed: string;
let fleet: Fleet;
let next: BuiltVersion;
let later: BuiltVersion;
const others: Running[] = [];
beforeAll(async () => {
  [next, later] = [nextVersion(), laterVersion('writers')];
  undisturbed = await undisturbedDigest(EXPERIMENT);
});
afterEach(async () => {
  for (const { process } of others) process.kill('SIGKILL');
  await Promise.all(others.splice(0).map(({ ended }) => ended));
  await fleet.close();
});
afterAll(async () => {
  next.remove();
  later.remove();
  await cleanUp();
});

async function ready(worker: Running): Promise<{ readonly status: number; readonly body: string }> {
  return await httpRequest(`${addressOf(worker)}/ready`);
}

/** Runs a command of another version. */
function command(version: BuiltVersion, args: readonly string[]): Running {
  const running = startPanicTda(fleet.folder, [...args, '--data', fleet.data], fleet.env, version.main);
  others.push(running);
  return running;
}

/** The digest as this version reads it, which may not write. */
async function digestNow(database: StorePlace['database'], experiment: string): Promise<string> {
  const store = await connectStoreReadonly({ folder: fleet.data, database });
  try {
    return await contentDigest(store!.db, experiment);
  } finally {
    await store!.close();
  }
}

(server.available ? test : test.skip)(
  'a worker on Postgres goes on beside a migration that adds, leaves before one that is not for it, and nothing is lost',
  async () => {
    if (!server.available) return;
    const database = { url: server.urlOf(await createDatabase(server.urlOf)), poolSize: 3 };
    await setUpDatabase(database, []);
    const gate = gateIn(sharedTemporaryFolder());
    fleet = await openFleet(null, { PANIC_TDA_DATABASE: database.url, ...gate.env });
    // A connection that writes, and does not leave.
    const staying = await connectStore({ folder: fleet.data, database });
    const before = await staying.db.tablesNow();
    expect(await command(later, ['setup', 'database', '--wait', '1']).ended).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        new RegExp(
          `the tables of .* are as they were: workers of the version before may not go on beside \\d+_darkness, and panic-tda ${process.pid}@\\S+ is connected`,
        ),
      ) as unknown,
    });
    // The server notices a moment later that it ended.
    await until(async () => (await staying.db.tablesNow()).leaveFor === null);
    expect(await staying.db.tablesNow()).toEqual(before);
    await staying.close();

    const worker = await fleet.worker(['--listen', '0']);
    const handle = await fleet.start(EXPERIMENT, 'migrated');

    const check = await command(next, ['setup', 'database', '--check']).ended;
    expect(check.code).toBe(1);
    expect(check.stdout).toMatch(
      /Missing: \d{4}_telescopes \(adds\)\. Workers of the version before may go on/,
    );
    expect(check.stdout).toMatch(
      /version 0\.2\.0 \(\d+ migrations\) reads and writes them; afterwards it reads/,
    );
    expect(check.stdout).toContain(`panic-tda ${worker.process.pid}@`);
    await asSuperuser(database.url, async (client) => {
      // pg_dump holds such a lock for its whole run.
      await client.query('begin; lock table invocations in access share mode');
      const migration = command(next, ['setup', 'database']);
      const attempts = new Set<string>();
      await until(async () => {
        const { rows } = await client.query<{ attempt: string }>(
          `select virtualtransaction as attempt from pg_locks where relation = 'invocations'::regclass and mode = 'AccessExclusiveLock' and not granted`,
        );
        for (const { attempt } of rows) attempts.add(attempt);
        return attempts.size > 1 || migration.process.exitCode !== null;
      });
      // The first attempt has given up, so that queries behind it had their turn.
      expect(attempts.size).toBeGreaterThan(1);
      expect(migration.process.exitCode).toBeNull();
      await client.query('commit');
      expect((await migration.ended).code).toBe(0);
    });
    await until(async () => (await ready(worker)).body.includes('is of a newer panic-tda (version 0.3.0'));
    expect((await ready(worker)).status).toBe(200);

    const watched = experimentFile(fleet.folder, 'watched', WATCHED);
    const watching = fleet.command(['run', watched]);
    others.push(watching);
    await until(
      () => /invocations [1-9]/.test(watching.stderr()),
      () => watching.stderr(),
    );
    const refused = await command(later, ['setup', 'database']).ended;
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /may not go on beside \d+_darkness, and panic-tda \d+@\S+, panic-tda \d+@\S+ are connected/,
    );
    const waiting = command(later, ['setup', 'database', '--wait', '120']);
    // The server closes the connection as soon as the worker has given its work back.
    let told = '';
    await until(async () => {
      const answer = await ready(worker).catch(() => null);
      if (answer?.status === 503) told = answer.body;
      return worker.process.exitCode !== null;
    });
    expect(told === '' || told.includes('are about to be migrated by panic-tda')).toBe(true);
    expect((await worker.ended).code).toBe(2);
    expect(worker.stderr()).toMatch(/Stopping: the tables of .* are about to be migrated by panic-tda \d+@/);
    expect(await waiting.ended).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(
        /Waits until 2 writers of the version before have ended: panic-tda/,
      ) as unknown,
    });
    expect(await watching.ended).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(
        /"npx panic-tda resume .*" of the newer version goes on\.[^]*this version stops watching: the tables of .* are about to be migrated by panic-tda \d+@/,
      ) as unknown,
    });

    expect(await fleet.shortCommand(['worker'])).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/newer panic-tda \(version 0\.4\.0, .*may not write to it/) as unknown,
    });
    gate.open();
    await serving(command(later, ['worker']));
    const { experiment, status } = await handle.result();
    for (const verb of ['retry', 'resume']) {
      expect(await fleet.shortCommand([verb, experiment])).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/may look at what is stored, and may not write to it/) as unknown,
      });
    }
    expect(status).toBe('completed');
    const store = await connectStore({ folder: fleet.data, database }).catch(String);
    expect(store).toMatch(/newer panic-tda/);
    expect(await digestNow(database, experiment)).toBe(undisturbed);
  },
);

test('a worker on an SQLite file that another process migrates stops writing, and ends', async () => {
  const gate = gateIn(sharedTemporaryFolder());
  fleet = await openFleet(null, gate.env);
  const worker = await fleet.worker([]);
  const handle = await fleet.start(EXPERIMENT, 'migrated');
  await until(gate.lettingThrough(() => invocationCount(fleet.data) >= 6));
  const heir = command(later, ['worker']);
  await serving(heir);
  gate.open();
  await until(
    () => worker.process.exitCode !== null,
    () => `${worker.stderr()}\nThe later one: ${heir.stderr()}`,
  );
  expect(await worker.ended).toMatchObject({
    code: 5,
    stderr: expect.stringMatching(/Stopping: .*newer panic-tda \(version 0\.4\.0/) as unknown,
  });
  await until(
    async () => (await handle.describe()).status.name !== 'RUNNING',
    () => `The later one: ${heir.stderr()}`,
  );
  const { experiment, status } = await handle.result();
  expect(status).toBe('completed');
  expect(() => openStore(fleet.data)).toThrow(/may look at what is stored/);
  expect(await digestNow(null, experiment)).toBe(undisturbed);
});
