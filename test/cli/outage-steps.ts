import { afterEach } from '@jest/globals';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../bench/common/embedded-postgres.js';
import type { EmbeddedPostgres } from '../../bench/common/embedded-postgres.js';
import { connectStoreReadonly } from '../../db/index.js';
import { type Running, until } from '../support/cli-process.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';

/** An experiment that ends only after a test has opened its gate. */
export const EXPERIMENT = {
  networks: [['DummyT2I', 'GatedI2T']],
  prompts: ['a lighthouse', 'a forest'],
  seeds: [-1],
  embedding_models: ['Dummy'],
  max_length: 40,
};

/** What a test closes at its end, the last one first. */
export const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
export async function saysUntil(running: Running, words: RegExp): Promise<void> {
  await until(
    () => words.test(running.stderr()),
    () => `${words}\n${running.stderr()}`,
  );
}

/** A Postgres server for one test, which the test may stop and start again. */
export async function ownPostgres(): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres(sharedTemporaryFolder(), { fsync: false, while: process.pid });
  closing.push(() => postgres.stop());
  return postgres;
}

/** The experiment that this command runs. */
export function idOf(running: Running): string {
  return /Experiment ([0-9a-f]{12})/.exec(running.stderr())![1]!;
}

export async function finishedRuns(folder: string, url: string, id: string): Promise<number> {
  const place = { folder: join(folder, 'panic-tda-data'), database: { url, poolSize: 2 } };
  const store = await connectStoreReadonly(place);
  const { finished } = await store!.experiments.runsByStatus(id);
  await store!.close();
  return finished;
}
