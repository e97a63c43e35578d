/**
 * Seconds and memory of exact persistent homology of clouds like the embeddings of a run, by
 * `ripsPersistence` and by the programs of requirements.txt, as a table and a figure. Needs Python 3.11 or
 * 3.12, and half a minute at the first call.
 *
 *   node dist/bench/persistence.js [--families drift,attractor,limit_cycle,iid] [--sizes 100,200,500,1000]
 *     [--our-sizes 2000,5000] [--dimensions 1,2] [--programs ours,giotto-ph,giotto-ph-collapse,ripser]
 *     [--threads 1,2] [--time-limit 120] [--repeats 3] [--seed 1] [--python PATH] [--out bench/persistence.md]
 *
 * --our-sizes are further sizes for ours only. The other programs use the last number of --threads. The
 * figure is written beside the table. First and later calls of a process are reported separately. Leave the
 * machine alone meanwhile. A program that passes the limit is not tried at larger sizes of that family and
 * dimension.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assertNever } from '../common/errors.js';
import { runCommand } from './common/command.js';
import { writeCloud, type Family } from './common/clouds.js';
import type { Entry } from './persistence/entries.js';
import { persistenceFigure } from './persistence/figure.js';
import { describeMachine } from './common/machine.js';
import { measure } from './persistence/measurement.js';
import { readOptions, type BenchOptions } from './persistence/options.js';
import { persistenceReport } from './persistence/report.js';
import { pythonWithPrograms } from './common/python-programs.js';

await runCommand(async () => {
  const options = readOptions(process.argv.slice(2));
  const python = pythonWithPrograms(options.python);
  const machine = describeMachine(python);
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-bench-'));
  const entries: Entry[] = [];
  try {
    for (const family of options.families) {
      entries.push(...(await measureFamily(family, python, folder, options)));
      // If a long run is stopped, the results so far are kept.
      writeFileSync(options.out, persistenceReport(entries, options, machine));
      writeFileSync(options.figure, persistenceFigure(entries, options));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`wrote ${options.out} and ${options.figure}`);
});

async function measureFamily(
  family: Family,
  python: string,
  folder: string,
  options: BenchOptions,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  const stopped = new Map<string, 'late' | 'failed'>();
  for (const pointCount of allSizes(options)) {
    const file = writeCloud(python, folder, family, pointCount, options.seed);
    for (const maxDimension of options.dimensions) {
      for (const contestant of options.contestants) {
        if (contestant.program !== 'ours' && !options.sizes.includes(pointCount)) continue;
        const key = `${maxDimension} ${contestant.label}`;
        const after = stopped.get(key);
        const outcome: Entry['outcome'] =
          after === undefined
            ? await measure(contestant, python, file, maxDimension, options)
            : { kind: 'skipped', after };
        if (outcome.kind === 'late' || outcome.kind === 'failed') stopped.set(key, outcome.kind);
        entries.push({ family, pointCount, maxDimension, contestant, outcome });
        const what = `${family} n=${pointCount} dimension ${maxDimension}, ${contestant.label}`;
        console.error(`${what}: ${said(outcome, options.timeLimitSeconds)}`);
      }
    }
    rmSync(file);
  }
  return entries;
}

function allSizes({ sizes, ourSizes }: BenchOptions): number[] {
  return [...new Set([...sizes, ...ourSizes])].toSorted((a, b) => a - b);
}

function said(outcome: Entry['outcome'], timeLimitSeconds: number): string {
  switch (outcome.kind) {
    case 'done':
      return `${outcome.figures.seconds.toFixed(3)} s, ${(outcome.figures.peakBytes / 2 ** 30).toFixed(3)} GiB`;
    case 'failed':
      return `failed, ${outcome.reason}`;
    case 'late':
      return `more than ${timeLimitSeconds} s`;
    case 'skipped':
      return `not tried, ${outcome.after} at a smaller size`;
    default:
      return assertNever(outcome);
  }
}
