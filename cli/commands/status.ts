import type { ExperimentRow, Progress, SharedVectors, Store, UsedDevice } from '../../db/index.js';
import { surrogateCount } from '../../experiment/config.js';
import { endedCount } from '../../experiment/run-status.js';
import type { BlockedWorkflows } from '../../workers/temporal/blocked-workflows.js';
import { assertNever } from '../../common/errors.js';
import { readRunInfo } from '../../workers/settings/data-folder.js';
import { noExperiments, readingExperiments } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { createObserver, stateOf } from '../session/who-drives.js';
import type { Driven, State } from '../session/who-drives.js';
import { findExperiment } from '../lookup/find-experiment.js';
import { count, isoTime, oneLine, rate, table, time, timeLeft } from '../terminal/format.js';
import { heading, print, printJson } from '../terminal/output.js';
import { surrogatesMade } from '../documents/surrogates-made.js';
import { blockedDocument, blockedText } from '../documents/blocked.js';
import type { BlockedDocument } from '../documents/blocked.js';
import { standstillText } from '../session/standstill.js';
import type { Standstill } from '../session/standstill.js';
import { routedBy } from '../session/known-routes.js';
import { type QueueDocument, queueDocument, queuesOf } from '../documents/queues.js';
import { sharedVectorRows } from '../documents/warnings.js';

type Stage = 'planned' | 'generating' | 'analysing' | 'finishing' | 'ended';

/** What `status --json` prints. Times are ISO 8601, durations are in milliseconds. */
interface StatusDocument {
  readonly experiment: string;
  readonly name: string | null;
  /** The status in the row, or `paused`, `deleting` or `interrupted`. */
  readonly status: State;
  readonly stage: Stage;
  readonly driven: Driven;
  readonly runs: Progress['runs'];
  /** Indices of the runs that are paused one by one. */
  readonly pausedRuns: readonly number[];
  readonly invocations: number;
  /** An upper bound: a run that meets a cycle ends earlier. */
  readonly invocationsExpected: number;
  /** How many of the missing invocations belong to runs that are paused or cancelled one by one. */
  readonly invocationsHeld: number;
  readonly diagrams: number;
  readonly diagramsExpected: number;
  readonly surrogates: number;
  readonly surrogatesExpected: number;
  /** Over the last minute, or since the end of a pause within it. Null while the experiment is not at work. */
  readonly invocationsPerSecond: number | null;
  /** An upper bound, for the invocations that are not held. */
  readonly etaMs: number | null;
  readonly lastFailure: {
    readonly run: number;
    readonly stage: string;
    readonly sequence: number | null;
    readonly kind: string;
    readonly message: string;
    readonly at: string | null;
  } | null;
  /** Embedding models that gave distinct outputs one vector. */
  readonly sharedVectors: readonly SharedVectors[];
  /** The error of the experiment as a whole. */
  readonly error: string | null;
  /**
   * What the experiment waits for or works on: a failed attempt and when the next one begins, or an activity
   * under way. Null if nothing is known.
   */
  readonly now: {
    readonly kind: Standstill['kind'];
    readonly text: string;
    readonly nextTryAt: string | null;
  } | null;
  /** Its workflows that wait for a worker with the code that they began with. Null if none does. */
  readonly blocked: BlockedDocument | null;
  /** The task queues of its work, if a configured service runs it. Null otherwise. */
  readonly queues: readonly QueueDocument[] | null;
  /** On which devices its models were computed, according to the runs that began last. */
  readonly devices: readonly UsedDevice[];
  /**
   * Where the process that runs it computes models with files, and why it uses no faster device. One sentence a
   * line.
   */
  readonly deviceRemarks: readonly string[];
  /**
   * Says that the service lacks search attributes, without which the web UI does not find the experiment. Null
   * if it has them.
   */
  readonly unindexed: string | null;
  /** Where this machine's file of routes disagrees with the database. Null if it agrees. */
  readonly routesRemark: string | null;
  readonly createdAt: string | null;
  readonly startedAt: string | null;
  readonly pausedAt: string | null;
  readonly finishedAt: string | null;
}

/** `status [ID]`: says where one experiment stands. Without an id: the running one, or else the newest. */
export async function showStatus(context: Context, id: string | undefined): Promise<number> {
  return await readingExperiments(context, async (store) => {
    const row = await (id === undefined
      ? currentExperiment(context, store)
      : findExperiment(context, store, id));
    const observer = createObserver(context);
    try {
      const driven = await observer.driven(row);
      const { context: routed, disagreement, known } = await routedBy(context, store);
      const states =
        driven.by === 'service' && known ? await observer.queues(queuesOf(row.config, routed.routes)) : null;
      const queues = states?.map((state) => queueDocument(routed, state)) ?? null;
      const atWork = row.status === 'running' && row.pausedAt === null;
      const now = atWork ? await observer.standstill(store, row) : null;
      const blocked = row.status === 'running' ? await observer.blocked(store, row) : null;
      const stands = await statusDocument(store, row, driven, Date.now());
      const running = readRunInfo(context.folder);
      const document = {
        ...stands,
        now: nowDocument(now),
        blocked: blocked === null ? null : blockedDocument(blocked),
        queues,
        unindexed: driven.by === 'service' ? await observer.unindexed() : null,
        routesRemark: disagreement,
        devices: await store.provenance.devices(row.id),
        deviceRemarks: running?.experiment === row.id ? (running.devices ?? []) : [],
      };
      if (context.json) printJson(document);
      else printStatus(context, document, row, { now, blocked });
    } finally {
      await observer.close();
    }
    return EXIT.ok;
  });
}

/** `cpu: A, B; webgpu: C` */
function devicesText(used: readonly UsedDevice[]): string {
  const devices = [...new Set(used.map(({ device }) => device))];
  const modelsOf = (device: string): string[] =>
    used.filter((one) => one.device === device).map(({ model }) => model);
  return devices.map((device) => `${device}: ${modelsOf(device).join(', ')}`).join('; ');
}

function nowDocument(now: Standstill | null): StatusDocument['now'] {
  return now === null ? null : { ...now, nextTryAt: isoTime(now.nextTryAt) };
}

async function currentExperiment(context: Context, store: Store): Promise<ExperimentRow> {
  const driven = readRunInfo(context.folder)?.experiment;
  const rows = await store.experiments.list();
  const current =
    rows.find((row) => row.id === driven) ?? rows.findLast((row) => row.status === 'running') ?? rows.at(-1);
  if (current === undefined) throw noExperiments(context);
  return current;
}

async function statusDocument(
  store: Store,
  row: ExperimentRow,
  driven: Driven,
  now: number,
): Promise<
  Omit<
    StatusDocument,
    'queues' | 'now' | 'blocked' | 'unindexed' | 'routesRemark' | 'devices' | 'deviceRemarks'
  >
> {
  const { id, config } = row;
  const progress = await store.summaries.progress(id);
  const { runs, invocations, invocationsExpected, invocationsHeld, diagrams } = progress;
  const status = stateOf(row, driven);
  const atWork = status === 'running' || status === 'planned';
  const perSecond = atWork ? await store.summaries.recentRate(id, now) : null;
  const left = invocationsExpected - invocationsHeld - invocations;
  const failure = await store.runs.lastFailure(id);
  const held = await store.experiments.heldRuns(id);
  const diagramsExpected = row.runCount * config.embedding_models.length;
  const surrogatesExpected = diagramsExpected * surrogateCount(config);
  return {
    experiment: id,
    name: row.name,
    status,
    stage: stageOf(row, progress),
    driven,
    runs,
    pausedRuns: held.filter(({ hold }) => hold === 'paused').map(({ runIndex }) => runIndex),
    invocations,
    invocationsExpected,
    invocationsHeld,
    diagrams,
    diagramsExpected,
    surrogates: await surrogatesMade(store, id, progress, surrogatesExpected),
    surrogatesExpected,
    invocationsPerSecond: perSecond,
    etaMs: perSecond !== null && perSecond > 0 && left > 0 ? (1000 * left) / perSecond : null,
    lastFailure:
      failure === null
        ? null
        : {
            run: failure.runIndex,
            stage: failure.stage,
            sequence: failure.sequence,
            kind: failure.kind,
            message: failure.message,
            at: isoTime(failure.createdAt),
          },
    sharedVectors: await store.summaries.sharedVectors(id, config.embedding_models),
    error: row.error,
    createdAt: isoTime(row.createdAt),
    startedAt: isoTime(row.startedAt),
    pausedAt: isoTime(row.pausedAt),
    finishedAt: isoTime(row.finishedAt),
  };
}

function stageOf(row: ExperimentRow, { runs, trajectoriesEnded }: Progress): Stage {
  if (row.status === 'planned') return 'planned';
  if (row.status !== 'running') return 'ended';
  if (endedCount(runs) === row.runCount) return 'finishing';
  return trajectoriesEnded + runs.failed >= row.runCount ? 'analysing' : 'generating';
}

const STAGE_TEXT: Readonly<Record<Stage, string>> = {
  planned: 'runs are planned, none has started',
  generating: 'generating trajectories; each is embedded and measured when it ends',
  analysing: 'all trajectories have ended; embeddings and diagrams are being made',
  finishing: 'all runs have ended',
  ended: 'ended',
};

function printStatus(
  context: Context,
  document: StatusDocument,
  row: ExperimentRow,
  { now, blocked }: { readonly now: Standstill | null; readonly blocked: BlockedWorkflows | null },
): void {
  const { runs, pausedRuns, status, lastFailure, invocationsPerSecond, etaMs, surrogatesExpected } = document;
  const others = [
    ...(runs.failed > 0 ? [`${count(runs.failed)} failed`] : []),
    ...(runs.cancelled > 0 ? [`${count(runs.cancelled)} cancelled`] : []),
  ];
  const planned = Object.values(runs).reduce((sum, value) => sum + value, 0);
  const held = document.invocationsHeld === 0 ? '' : `, ${count(document.invocationsHeld)} of them held`;
  const made = `${count(document.invocations)} of at most ${count(document.invocationsExpected)}${held}`;
  const pace =
    invocationsPerSecond === null || invocationsPerSecond === 0
      ? ''
      : `, ${rate(invocationsPerSecond)}/s${etaMs === null ? '' : `, ${timeLeft(etaMs)}`}`;
  const rows = [
    ['status', statusText(context, document)],
    ...(status === 'running' ? [['stage', STAGE_TEXT[document.stage]]] : []),
    [
      'runs',
      [
        `${count(runs.finished)} of ${count(row.runCount)} finished`,
        ...(row.startedAt === null && planned < row.runCount ? [`${count(planned)} planned`] : []),
        ...(runs.running > 0 ? [`${count(runs.running)} ${status === 'running' ? 'running' : 'begun'}`] : []),
        ...(runs.pending > 0 ? [`${count(runs.pending)} waiting`] : []),
        ...others,
        ...(pausedRuns.length > 0 ? [`${count(pausedRuns.length)} paused`] : []),
      ].join(', '),
    ],
    ['invocations', `${made}${pace}`],
    ['diagrams', `${count(document.diagrams)} of ${count(document.diagramsExpected)}`],
    ...(surrogatesExpected === 0
      ? []
      : [['surrogates', `${count(document.surrogates)} of ${count(surrogatesExpected)}`]]),
    ...(blocked === null ? [] : [['blocked', blockedText(blocked)]]),
    ...(now === null ? [] : [['now', standstillText(now, Date.now())]]),
    ...(document.devices.length === 0 ? [] : [['computed on', devicesText(document.devices)]]),
    ...document.deviceRemarks.map((line) => ['device', line]),
    ['started', row.startedAt === null ? 'not yet' : time(row.startedAt)],
    ...(row.finishedAt === null ? [] : [['ended', time(row.finishedAt)]]),
    ...(lastFailure === null ? [] : [['last error', failureText(lastFailure)]]),
    ...(document.error === null || lastFailure?.message === document.error
      ? []
      : [['error', oneLine(document.error)]]),
    ...sharedVectorRows(document.sharedVectors),
    ...(document.queues ?? []).flatMap(({ problem }) => (problem === null ? [] : [['waits', problem]])),
    ...(document.unindexed === null ? [] : [['remark', document.unindexed]]),
    ...(document.routesRemark === null ? [] : [['routes', document.routesRemark]]),
    ...(document.driven.by === 'process' && document.driven.uiAddress !== null
      ? [['web UI', document.driven.uiAddress]]
      : []),
  ];
  const name = document.name === null ? '' : ` "${oneLine(document.name)}"`;
  print(`${heading(`Experiment ${document.experiment}${name}`)}\n`);
  print(table(rows));
}

function statusText(
  context: Context,
  { status, driven, experiment, runs, pausedAt }: StatusDocument,
): string {
  const resume = `"${context.command('resume', experiment)}" continues it`;
  switch (status) {
    case 'paused': {
      const since = pausedAt === null ? '' : ` since ${time(Date.parse(pausedAt))}`;
      const waits = driven.by === 'nobody' ? 'no process runs it' : `waiting ${drivenText(driven)}`;
      return `paused${since}, ${waits}; "${context.command('resume', experiment)}" lets it go on`;
    }
    case 'deleting':
      return `being deleted; "${context.command('delete', experiment)}" deletes the rest of it`;
    case 'interrupted':
      return `interrupted: no process of this data folder is running it; ${resume}`;
    case 'planned':
    case 'running':
      return status === 'planned' ? 'starting' : `running, ${drivenText(driven)}`;
    case 'cancelled':
      return `cancelled; ${resume}`;
    case 'failed':
      return `failed; ${resume}`;
    case 'completed':
      return 'completed';
    case 'completed_with_failures':
      return runs.failed === 0
        ? `completed, with unfinished runs; ${resume}`
        : `completed with failures; "${context.command('retry', experiment)}" runs the failed runs again`;
    default:
      return assertNever(status);
  }
}

function drivenText(driven: Driven): string {
  switch (driven.by) {
    case 'process':
      return `by process ${driven.pid}`;
    case 'service':
      return `by the Temporal service at ${driven.address}`;
    case 'elsewhere':
      return `by ${driven.place}${driven.answers ? '' : ', as far as the database knows'}`;
    case 'unknown':
      return `as far as the database knows; ${driven.reason}`;
    case 'nobody':
      return 'by no process';
    default:
      return assertNever(driven);
  }
}

function failureText({
  run,
  stage,
  sequence,
  kind,
  message,
}: NonNullable<StatusDocument['lastFailure']>): string {
  const where = sequence === null ? stage : `${stage} ${sequence}`;
  return `run ${run}, ${where}: ${kind}: ${oneLine(message)}`;
}
