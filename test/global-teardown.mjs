import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export default async function teardown() {
  const { server, folder } = globalThis.suiteServer;
  await Promise.all([server.stop(), stopPostgres(join(folder, 'postgres-process.json'))]);
  rmSync(folder, { recursive: true, force: true });
}

/** The Postgres server, where a test has started one (support/suite-postgres.ts). */
async function stopPostgres(file) {
  if (!existsSync(file)) return;
  const { pid, folder } = JSON.parse(readFileSync(file, 'utf8'));
  try {
    process.kill(pid, 'SIGINT');
    for (let waited = 0; waited < 200; waited++) {
      process.kill(pid, 0);
      await sleep(50);
    }
  } catch {
    // Gone.
  }
  rmSync(folder, { recursive: true, force: true });
}
