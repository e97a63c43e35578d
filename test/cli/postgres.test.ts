import { afterAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { connectStoreReadonly, contentDigest } from '../../db/index.js';
import type { PostgresService } from '../../db/index.js';
import { createDatabase, suitePostgres } from '../support/suite-postgres.js';
import { cleanUp, folderWith, panicTda } from './cli-process.js';

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

async function digest(folder: string, database: PostgresService | null, id: string): Promise<string> {
  const store = await connectStoreReadonly({ folder, database });
  try {
    return await contentDigest(store!.db, id);
  } finally {
    await store!.close();
  }
}

onServer(
  `an experiment on Postgres has the content that it has on SQLite${title}`,
  async () => {
    if (!server.available) return;
    const folder = folderWith({ 'experiment.json': EXPERIMENT });
    const url = server.urlOf(await createDatabase(server.urlOf));
    const env = { PANIC_TDA_DATABASE: url };
    const made = await panicTda(folder, ['setup', 'database', '--json'], env);
    expect(JSON.parse(made.stdout)).toMatchObject({ appRole: null });

    const data = (name: string) => ['--data', join(folder, name)];
    const [one, other] = await Promise.all([
      panicTda(folder, ['run', 'experiment.json', '--json', ...data('postgres')], env),
      panicTda(folder, ['run', 'experiment.json', '--json', ...data('sqlite')]),
    ]);
    expect([one.code, other.code]).toEqual([0, 0]);
    const { experiment } = JSON.parse(one.stdout) as { experiment: string };
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
      ].map((args) => panicTda(folder, [...args, ...data('postgres')], env)),
    );
    expect(looked.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(looked[5]!.stdout).toMatch(/every invariant holds/);
    for (const { stdout, stderr } of [made, one, ...looked]) expect(stdout + stderr).not.toMatch(/secret/);

    const typed = await panicTda(folder, ['list', '--database', url]);
    expect(typed).toMatchObject({ code: 2 });
    expect(typed.stderr).toMatch(/--database holds a password/);
    expect(typed.stderr).not.toMatch(/secret/);
  },
  300_000,
);
