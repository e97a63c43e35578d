import { afterAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { connectStore, connectStoreReadonly, contentDigest } from '../../db/index.js';
import type { PostgresService } from '../../db/index.js';
import { asSuperuser, createDatabase, suitePostgres } from '../support/suite-postgres.js';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { finishedIn } from '../support/built-in-experiment.js';
import { withWorker } from '../support/resumed.js';
import { runCommand } from '../support/standing-program.js';
import { experimentIn } from '../support/json.js';

afterAll(cleanUp);

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse', 'a forest'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 20,
};

const server = await suitePostgres();
const onServer = server.available ? test : test.skip;
const title = server.available ? '' : ` (Postgres cannot run here: ${server.reason})`;

/** Changes rows in a way that the server does not allow panic-tda. */
async function corrupt(url: string, ...statements: readonly string[]): Promise<void> {
  await asSuperuser(url, async (client) => {
    await client.query('set session_replication_role = replica');
    for (const statement of statements) await client.query(statement);
  });
}

async function digest(folder: string, database: PostgresService | null, id: string): Promise<string> {
  const store = await connectStoreReadonly({ folder, database });
  try {
    return await contentDigest(store!.db, id);
  } finally {
    await store!.close();
  }
}

onServer(
  `an experiment on Postgres has the same content as on SQLite${title}`,
  async () => {
    if (!server.available) return;
    const folder = folderWith({ 'experiment.json': EXPERIMENT });
    const url = server.urlOf(await createDatabase(server.urlOf));
    const env = { PANIC_TDA_DATABASE: url };
    const made = await runCommand(folder, ['setup', 'database', '--json'], env);
    expect(JSON.parse(made.stdout)).toMatchObject({ appRole: null });

    const data = (name: string) => ['--data', join(folder, name)];
    const one = await withWorker(join(folder, 'postgres'), ['run', 'experiment.json', '--json'], env);
    expect(one.code).toBe(0);
    await finishedIn(join(folder, 'sqlite'), EXPERIMENT);
    const experiment = experimentIn(one.stdout);
    expect(await digest(join(folder, 'postgres'), { url, poolSize: 2 }, experiment)).toBe(
      await digest(join(folder, 'sqlite'), null, experiment),
    );

    const looked = await Promise.all(
      [
        ['list'],
        ['status'],
        ['show', experiment],
        ['show', experiment, '1'],
        ['plan', 'experiment.json'],
        ['doctor'],
      ].map((args) => runCommand(folder, [...args, ...data('postgres')], env)),
    );
    expect(looked.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(looked[5]!.stdout).toMatch(/every invariant holds/);
    for (const { stdout, stderr } of [made, one, ...looked]) expect(stdout + stderr).not.toMatch(/secret/);

    // Derived rows are broken, a step is lost, a rule is gone, and an object has a wrong byte.
    await corrupt(
      url,
      'delete from vectors where id in (select id from vectors order by id limit 2)',
      `update diagram_dimensions set entropy = 0.5 where diagram_id = (select max(id) from diagrams) and dimension = 0`,
      'delete from invocations where sequence = 1 and run_id = (select min(id) from runs)',
      'drop trigger runs_end_complete on runs',
      `update runs set prompt_id = (select prompt_id from runs where run_index = 0) where run_index = 1`,
      `update artifacts set byte_length = 3 where id = (select max(id) from artifacts)`,
    );
    const broken = await runCommand(folder, ['doctor', '--json', ...data('postgres')], env);
    expect(broken.code).toBe(1);
    const fix = (...options: readonly string[]) =>
      runCommand(folder, ['doctor', '--fix', ...options, ...data('postgres')], env);
    const asked = await fix();
    expect(asked.code).toBe(2);
    expect(asked.stdout).toMatch(/This will\n[^]*delete diagram \d+ with its surrogates, to be made again/);
    expect(asked.stderr).toContain('give --yes, since there is no terminal to ask at');

    const worker = await connectStore({ folder: join(folder, 'elsewhere'), database: { url, poolSize: 2 } });
    const besideWorkers = await fix('--yes');
    await worker.close();
    expect(besideWorkers).toMatchObject({ code: 2 });
    expect(besideWorkers.stderr).toMatch(/is in use by panic-tda \d+@.*; stop workers and runs/);

    const fixed = await fix('--yes');
    expect(fixed.stdout).toMatch(/Every invariant holds\.\n.*resume .* makes what experiment .* lacks/);
    expect(fixed.code).toBe(0);
    const resumed = await withWorker(join(folder, 'postgres'), ['resume', experiment], env);
    expect(resumed).toMatchObject({ code: 0 });
    expect(await digest(join(folder, 'postgres'), { url, poolSize: 2 }, experiment)).toBe(
      await digest(join(folder, 'sqlite'), null, experiment),
    );
    expect(await runCommand(folder, ['doctor', ...data('postgres')], env)).toMatchObject({ code: 0 });

    // A folder of one machine is merged into another database. No database can be merged from.
    const merged = server.urlOf(await createDatabase(server.urlOf));
    const merge = (source: string) =>
      runCommand(folder, ['merge', source, ...data('merged')], { PANIC_TDA_DATABASE: merged });
    const first = await merge(join(folder, 'sqlite'));
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(new RegExp(`^${experiment} +new +2 `, 'm')),
    });
    expect(await digest(join(folder, 'merged'), { url: merged, poolSize: 2 }, experiment)).toBe(
      await digest(join(folder, 'sqlite'), null, experiment),
    );
    const again = await merge(join(folder, 'sqlite'));
    expect(again).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(new RegExp(`^${experiment} +equal +0 `, 'm')),
    });
    const fromServer = await merge(url);
    expect(fromServer).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('a source is a data folder'),
    });
    expect(fromServer.stderr).not.toMatch(/secret/);

    const typed = await runCommand(folder, ['list', '--database', url]);
    expect(typed).toMatchObject({ code: 2 });
    expect(typed.stderr).toMatch(/--database holds a password/);
    expect(typed.stderr).not.toMatch(/secret/);
  },
  300_000,
);

onServer(
  `commands that look refuse tables of an older version; upgrade says what to back up and which command changes them${title}`,
  async () => {
    if (!server.available) return;
    const folder = folderWith();
    const url = server.urlOf(await createDatabase(server.urlOf));
    const env = { PANIC_TDA_DATABASE: url };
    expect((await runCommand(folder, ['setup', 'database'], env)).code).toBe(0);
    const current = await runCommand(folder, ['upgrade'], env);
    expect(current.stdout).toMatch(/ is of this version \(version \d+\.\d+\.\d+, \d+ migrations\)\./);
    expect(current.code).toBe(0);

    await corrupt(
      url,
      'delete from __drizzle_migrations where id = (select max(id) from __drizzle_migrations)',
    );
    const older =
      /is of an older version \((?:version [\d.]+, )?\d+ of \d+ migrations\)[^]*pg_dump.*"npx panic-tda setup database"/;
    const check = await runCommand(folder, ['upgrade', '--check'], env);
    expect(check.stdout).toMatch(older);
    expect(check.code).toBe(1);
    const upgrade = await runCommand(folder, ['upgrade'], env);
    expect(upgrade.stderr).toMatch(older);
    expect(upgrade.code).toBe(2);
    const list = await runCommand(folder, ['list'], env);
    expect(list.stderr).toMatch(/older panic-tda .*pg_dump.*"panic-tda setup database"/);
    expect(list.code).toBe(2);
    expect(check.stdout + upgrade.stderr).not.toMatch(/secret/);
  },
  120_000,
);
