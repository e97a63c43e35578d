import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ensureSearchAttributes } from '../../workers/temporal/search-attributes.js';
import type { DatabaseUser } from './databases.js';
import { POSTGRES_PORT } from './postgres.js';
import type { Programs } from './programs.js';
import type { Service } from '../common/keeper.js';

export const TEMPORAL_PORT = 7233;
export const NAMESPACE = 'panic-tda';
const RETENTION = '30 days';
const START_MS = 120_000;
/** The file of docker-compose.yml. */
const DYNAMIC_CONFIG = fileURLToPath(
  new URL('../../../compose/temporal-dynamic-config.yaml', import.meta.url),
);

/**
 * Makes the tables of the production server's two databases with its own tool, which contains their schema.
 */
export function setupTemporalSchema(tool: string, address: string, { role, password }: DatabaseUser): void {
  const access = ['--plugin', 'postgres12', '--endpoint', address, '--port', String(POSTGRES_PORT)];
  for (const [database, schema] of [
    ['temporal', 'postgresql/v12/temporal'],
    ['temporal_visibility', 'postgresql/v12/visibility'],
  ] as const) {
    const run = (...words: string[]): void =>
      void execFileSync(tool, [...access, '--user', role, '--database', database, ...words], {
        env: { SQL_PASSWORD: password },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
    run('setup-schema', '--version', '0.0');
    run('update-schema', '--schema-name', schema);
  }
}

/**
 * How to run the production server: all its roles in one process, configured by variables as its image is.
 */
export function temporalService(
  { temporalServer }: Programs,
  settings: { readonly address: string; readonly user: DatabaseUser },
): Service {
  const { address, user } = settings;
  return {
    name: 'temporal',
    command: temporalServer,
    args: ['start'],
    env: {
      DB: 'postgres12',
      POSTGRES_SEEDS: address,
      DB_PORT: String(POSTGRES_PORT),
      POSTGRES_USER: user.role,
      POSTGRES_PWD: user.password,
      BIND_ON_IP: address,
      TEMPORAL_BROADCAST_ADDRESS: address,
      PUBLIC_FRONTEND_ADDRESS: `${address}:${TEMPORAL_PORT}`,
      DYNAMIC_CONFIG_FILE_PATH: DYNAMIC_CONFIG,
      LOG_LEVEL: 'warn',
      TEMPORAL_VERSION_CHECK_DISABLED: '1',
    },
  };
}

/** Makes the namespace with its retention and our search attributes. Tries again until the server answers. */
export async function setupNamespace(address: string): Promise<void> {
  await patiently(async () => {
    const connection = await Connection.connect({ address, connectTimeout: '2s' });
    try {
      const found = await connection.workflowService.listNamespaces({});
      if (!(found.namespaces ?? []).some(({ namespaceInfo }) => namespaceInfo?.name === NAMESPACE)) {
        await connection.workflowService.registerNamespace({
          namespace: NAMESPACE,
          workflowExecutionRetentionPeriod: msToTs(RETENTION),
        });
      }
      const { missing, reason } = await ensureSearchAttributes(connection, NAMESPACE);
      if (missing.length > 0) throw new Error(reason);
    } finally {
      await connection.close();
    }
  });
}

/**
 * Repeats the task until it does not throw, and returns its result. Throws its last error if that takes too
 * long.
 */
export async function patiently<T>(task: () => T | Promise<T>): Promise<T> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    try {
      return await task();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await sleep(500);
  }
}
