import { summaryName } from '../../db/index.js';
import type { SharedVectors, Store, Summary } from '../../db/index.js';
import { unfinishedCount } from '../../experiment/run-status.js';
import type { RunsByStatus } from '../../experiment/run-status.js';
import { describe, SUMMARISED_STATISTICS } from '../../experiment/statistics.js';
import type { Context } from '../context.js';
import { count, duration, plural, rate, table } from '../terminal/format.js';
import { heading, print } from '../terminal/output.js';
import { statisticText } from './statistics.js';
import { cutOutputRows, sharedVectorRows } from './warnings.js';

export interface SummaryDocument extends Summary {
  readonly experiment: string;
  readonly name: string | null;
  readonly status: string;
  readonly runs: RunsByStatus;
  /**
   * Measured from the first invocation of the experiment to the last, without the time in which it was not at
   * work. Null for fewer than two invocations.
   */
  readonly invocationsPerSecond: number | null;
  /** How long this command took, in milliseconds. */
  readonly wallMs: number | null;
  /** The first failed runs, at most 1,000. */
  readonly failures: readonly { readonly run: number; readonly kind: string; readonly message: string }[];
  /** How many failed runs `failures` leaves out. */
  readonly failuresLeftOut: number;
  /** Embedding models that gave distinct outputs one vector. */
  readonly sharedVectors: readonly SharedVectors[];
  readonly database: string;
  readonly objects: string;
}

const FAILURES_SHOWN = 10;
/** The most failures in the document. `runs.failed` counts all of them. */
const FAILURES_TOLD = 1000;

/** The summary at the end of a run, as one document. */
export async function summaryDocument(
  store: Store,
  id: string,
  times: { wallMs: number | null },
): Promise<SummaryDocument> {
  const { name, status, config } = await store.experiments.get(id);
  const summary = await store.summaries.summary(id);
  const made = summary.invocations.computed + summary.invocations.reused + summary.invocations.cycle;
  const span = (summary.lastInvocationAt ?? 0) - (summary.firstInvocationAt ?? 0) - summary.restedMs;
  const failed = await store.runs.failed(id, FAILURES_TOLD);
  const runs = await store.experiments.runsByStatus(id);
  return {
    experiment: id,
    name,
    status,
    runs,
    ...summary,
    invocationsPerSecond: span > 0 ? (1000 * made) / span : null,
    wallMs: times.wallMs,
    failures: failed.map((run) => ({
      run: run.runIndex,
      kind: run.errorKind ?? '',
      message: run.errorMessage ?? '',
    })),
    failuresLeftOut: Math.max(0, runs.failed - failed.length),
    sharedVectors: await store.summaries.sharedVectors(id, config.embedding_models),
    database: store.db.name,
    objects: store.objects.root,
  };
}

export function printSummary(document: SummaryDocument, { command }: Context): void {
  const { runs, invocations, cycles } = document;
  const made = invocations.computed + invocations.reused + invocations.cycle;
  const failed = runs.failed > 0 ? `, ${runs.failed} failed` : '';
  const unfinished = unfinishedCount(runs);
  const open = unfinished > 0 ? `, ${unfinished} unfinished` : '';
  const period =
    document.shortestCycle === document.longestCycle
      ? `period ${document.shortestCycle}`
      : `periods ${document.shortestCycle} to ${document.longestCycle}`;
  const perSecond = document.invocationsPerSecond;
  const rows = [
    ['runs', `${runs.finished} finished${failed}${open}`],
    [
      'invocations',
      `${count(made)} (${count(invocations.computed)} computed, ${count(invocations.reused)} reused, ${count(invocations.cycle)} filled from cycles)`,
    ],
    ...(perSecond === null ? [] : [['invocations/s', `${rate(perSecond)}${restText(document.restedMs)}`]]),
    ['distinct outputs', count(document.distinctOutputs)],
    ...cutOutputRows(document.outputsCut, count(made)),
    ['cycles found', cycles === 0 ? '0' : `${cycles} (${period})`],
    ['embeddings', `${count(document.embeddings)} (${count(document.vectors)} distinct vectors)`],
    ['diagrams', count(document.diagrams)],
    ...(document.wallMs === null ? [] : [['time', duration(document.wallMs)]]),
    ['data', document.database],
    ['images', document.objects],
    ...sharedVectorRows(document.sharedVectors),
  ];
  const name = document.name === null ? '' : ` "${document.name}"`;
  print(
    `\n${heading(`Experiment ${document.experiment}${name}`)}: ${document.status.replaceAll('_', ' ')}\n`,
  );
  print(table(rows));
  printStatistics(document);
  printFailures(document, command('retry', document.experiment));
  const next = [
    ...continuing(document, command),
    [command('show', document.experiment), 'each run, its end and its entropies'],
    [command('show', document.experiment, 0), 'the trajectory of run 0'],
    [command('run', 'FILE'), 'an experiment of your own (README.md, "The experiment file")'],
  ].map(([words, meaning]) => [`  ${words}`, ` ${meaning}`]);
  print(`\n${heading('Next')}\n${table(next)}`);
}

function restText(restedMs: number): string {
  return restedMs < 1000 ? '' : ` (without ${duration(restedMs)} in which it was not at work)`;
}

/** The first line of what comes next: the command that continues an experiment which is not complete. */
function continuing({ experiment, runs }: SummaryDocument, command: Context['command']): string[][] {
  if (unfinishedCount(runs) > 0) {
    return [[command('resume', experiment), 'continues it from where it stopped']];
  }
  return runs.failed === 0 ? [] : [[command('retry', experiment), 'runs the failed runs again']];
}

function printStatistics({ entropy: summaries }: SummaryDocument): void {
  if (summaries.length === 0) return;
  for (const name of SUMMARISED_STATISTICS) {
    const figures = ['mean', 'min', 'max'] as const;
    const rows = summaries.map((row) => [
      row.model,
      `H${row.dimension}`,
      count(row.bars),
      ...figures.map((what) => statisticText(name, row[summaryName(what, name)])),
    ]);
    print(`\n${heading(`${describe(name).summaryTitle} over the runs`)}\n`);
    print(table([['embedding model', 'dim', 'bars', ...figures], ...rows], [2, 3, 4, 5]));
  }
}

function printFailures({ failures, runs }: SummaryDocument, retry: string): void {
  if (failures.length === 0) return;
  print(`\n${heading('Failed runs')} ("${retry}" runs them again from where they stopped)\n`);
  for (const { run, kind, message } of failures.slice(0, FAILURES_SHOWN))
    print(`  run ${run}: ${kind}: ${message}`);
  const more = runs.failed - Math.min(failures.length, FAILURES_SHOWN);
  if (more > 0) print(`  and ${plural(more, 'more run')}`);
}
