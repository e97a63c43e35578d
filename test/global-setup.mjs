import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guard, MARK } from './support/leftovers.mjs';

/** Namespaces of the suite's server: each test of workers takes one for itself (support/suite-server.ts). */
const NAMESPACES = 180;

/** One real Temporal server for the whole suite. Compiled modules: Jest does not transform what it loads before tests. */
export default async function setup(_config, { globals }) {
  process.env[MARK] = `${process.env[MARK] ?? ''}/run-${process.pid}`;
  process.env.SUITE_RUN_MARK = process.env[MARK];
  // Some tests make sessions in their own process.
  process.env.ORT_DISABLE_TELEMETRY = '1';
  guard(process.env[MARK]);
  // As cli/main.ts does: inside of Jest's sandbox it comes too late, and does not reach SQLite.
  process.env.SQLITE_USE_URI = '1';
  const { findTemporalCli } = await import('../dist/workers/temporal/cli.js');
  const { startTemporalServer } = await import('../dist/workers/temporal/server.js');
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-suite-'));
  const cli = await findTemporalCli({ fetch: false });
  const total = globals.suiteNamespaces ?? NAMESPACES;
  const namespaces = Array.from({ length: total }, (_, number) => `suite-${number}`);
  const server = await startTemporalServer({
    cli: { ...cli, path: withoutNamespaceWorkers(cli.path, folder) },
    databaseFile: join(folder, 'temporal.sqlite'),
    logFile: join(folder, 'temporal.log'),
    namespaces,
    graceMs: 0,
  });
  globalThis.suiteServer = { server, folder };
  process.env.SUITE_TEMPORAL_ADDRESS = server.address;
  process.env.SUITE_FOLDER = folder;
  process.env.SUITE_PID = String(process.pid);
  process.env.SUITE_NAMESPACES = String(total);
}

/**
 * A command like the Temporal CLI whose server has no workers of its own in each namespace. With 180 namespaces they take a seventh of a
 * core. Schedules, batches and worker deployments need them (`openVersionedFleet` of test/support/fleet.ts).
 */
function withoutNamespaceWorkers(cli, folder) {
  const path = join(folder, 'temporal');
  const setting = '--dynamic-config-value worker.perNamespaceWorkerCount=0';
  writeFileSync(path, `#!/bin/sh\nexec '${cli.replaceAll("'", `'\\''`)}' "$@" ${setting}\n`, { mode: 0o700 });
  return path;
}
