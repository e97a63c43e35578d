import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PostgresService } from '../../db/index.js';
import { startEmbeddedPostgres } from '../common/embedded-postgres.js';
import { cpuSecondsOfTree } from '../common/process-tree.js';

export const STORE_KINDS = ['sqlite', 'postgres'] as const;

export type StoreKind = (typeof STORE_KINDS)[number];

/** The database of one measurement, which is empty at first. */
export interface ScaleDatabase {
  /** Null for the SQLite file of the data folder. */
  readonly service: PostgresService | null;
  /** CPU seconds of the database's own processes so far; null if it has none. */
  cpuSeconds(): number | null;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

const POOL_SIZE = 10;

/**
 * For Postgres, a server on this machine, which syncs each commit to its disk as SQLite does. For SQLite,
 * nothing.
 */
export async function startDatabase(kind: StoreKind): Promise<ScaleDatabase> {
  if (kind === 'sqlite') return { service: null, cpuSeconds: () => null, stop: () => Promise.resolve() };
  // A folder of its own, since the user of Postgres has to reach it.
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-scale-postgres-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const settings = ['shared_buffers=128MB'];
    const server = await startEmbeddedPostgres(folder, { while: process.pid, fsync: true, settings });
    return {
      service: { url: server.url('postgres'), poolSize: POOL_SIZE },
      cpuSeconds: () => cpuSecondsOfTree(server.pid),
      async stop() {
        await server.stop();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}
