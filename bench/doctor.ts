import Database from 'better-sqlite3';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DATABASE_FILE } from '../db/index.js';
import { CommandError, runCommand } from './common/command.js';
import { fillStore } from './doctor/synthetic-store.js';
import { watchCommand } from './common/watched-command.js';

/**
 * Checks sound stores of more and more rows with `panic-tda doctor --fix`, then again without a tenth of the
 * embeddings, and prints time and memory of each: `node dist/bench/doctor.js [runs ...]` after `npm run
 * build`. A run has some 45 rows. The default is 2,000 to 220,000 runs (10 million rows, 3 GB of disk under
 * TMPDIR).
 */

const RUNS = [2000, 22_000, 220_000];
const CLI = fileURLToPath(new URL('../cli/main.js', import.meta.url));

async function measure(runs: number): Promise<Record<string, string | number>> {
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-bench-'));
  try {
    const rows = await fillStore(folder, runs);
    const file = join(folder, DATABASE_FILE);
    const bytes = statSync(file).size;
    const sound = await doctor(folder);
    const sqlite = new Database(file);
    const { changes } = sqlite.prepare('delete from embeddings where invocation_id % 10 = 0').run();
    sqlite.close();
    const broken = await doctor(folder);
    return {
      runs,
      rows,
      'database MiB': Math.round(bytes / 2 ** 20),
      'check s': (sound.wallMs / 1000).toFixed(1),
      'rows/s': Math.round((1000 * rows) / sound.wallMs),
      'peak MiB': Math.round(sound.peak.residentMiB),
      'violations, at least': changes,
      'mend s': (broken.wallMs / 1000).toFixed(1),
      'mend peak MiB': Math.round(broken.peak.residentMiB),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function doctor(folder: string) {
  return await watchCommand(process.execPath, [CLI, 'doctor', '--fix', '--yes', '--data', folder], {
    env: process.env,
    logFile: join(folder, 'doctor.log'),
  });
}

await runCommand(async () => {
  const wanted = process.argv.slice(2).map(Number);
  if (wanted.some((runs) => !Number.isSafeInteger(runs) || runs < 1)) {
    throw new CommandError('usage: node dist/bench/doctor.js [runs ...], each a whole number above 0');
  }
  const results = [];
  for (const runs of wanted.length === 0 ? RUNS : wanted) {
    results.push(await measure(runs));
    console.table(results);
  }
});
