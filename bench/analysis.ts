/**
 * Seconds and memory of parts of the analysis on made-up corpora of 768 coordinates, as a table for each part. Each row
 * is measured in a process of its own.
 *
 *   node dist/bench/analysis.js [--parts clusters] [--rows 2000,10000,20000] [--threads 2] [--seed 1]
 *
 * --rows are numbers of distinct vectors. Leave the machine alone meanwhile; seconds of the processor depend less on
 * others than seconds do.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ClusterMeasurement } from './analysis/cluster-measurement.js';
import { CommandError, runCommand } from './common/command.js';
import { markdownTable, significant } from './common/markdown.js';

interface Settings {
  readonly rows: readonly number[];
  readonly threads: number;
  readonly seed: number;
}

/** Each gives its table. */
const PARTS: ReadonlyMap<string, (settings: Settings) => string> = new Map([['clusters', clusterTable]]);

await runCommand(async () => {
  const { values } = parseArgs({
    options: {
      parts: { type: 'string', default: [...PARTS.keys()].join(',') },
      rows: { type: 'string', default: '2000,10000,20000' },
      threads: { type: 'string', default: '2' },
      seed: { type: 'string', default: '1' },
    },
  });
  const settings = {
    rows: values.rows.split(',').map((word) => wholeNumber('rows', word)),
    threads: wholeNumber('threads', values.threads),
    seed: wholeNumber('seed', values.seed),
  };
  for (const name of values.parts.split(',')) {
    const part = PARTS.get(name);
    if (part === undefined) {
      throw new CommandError(`--parts names ${name}; expected some of ${[...PARTS.keys()].join(', ')}`);
    }
    console.log(`${name}\n\n${part(settings)}\n`);
  }
});

function wholeNumber(option: string, word: string): number {
  const value = Number(word);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new CommandError(`--${option} has ${word}; expected whole numbers above 0`);
}

function clusterTable({ rows, threads, seed }: Settings): string {
  const lines = rows.map((count) => {
    const output = runScript('analysis/measure-clusters.js', [count, threads, seed]);
    const found = ClusterMeasurement.parse(JSON.parse(output));
    console.error(`clusters of ${count} vectors: ${significant(found.seconds)} s`);
    return [
      String(count),
      significant(found.seconds),
      significant(found.cpuSeconds),
      mebibytes(found.inputBytes),
      mebibytes(found.peakBytes - found.baseBytes),
      mebibytes(found.predictedBytes),
      String(found.clusters),
      percent(found.noiseOfTime),
      found.explainedVariance === null ? '' : percent(found.explainedVariance),
    ];
  });
  return markdownTable(
    [
      'distinct vectors',
      'seconds',
      'of processor',
      'input MiB',
      'further MiB',
      'predicted',
      'clusters',
      'noise of time',
      'variance kept',
    ],
    lines,
    0,
  );
}

function runScript(file: string, args: readonly number[]): string {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...args.map(String)], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new CommandError(`${file} ended with status ${status}:\n${stderr}`);
  return stdout;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
