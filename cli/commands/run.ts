import { missingModels } from '../../activities/missing-models.js';
import { connectStore, drivenElsewhere, upgradedText } from '../../db/index.js';
import type { Store } from '../../db/index.js';
import { runCount, surrogateCount } from '../../experiment/config.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { assertNever, errorMessage, isPanicError, PanicError } from '../../common/errors.js';
import { experimentId } from '../../experiment/ids.js';
import { isOpenExperiment } from '../../experiment/experiment-status.js';
import { unfinishedCount } from '../../experiment/run-status.js';
import { planOf } from '../../experiment/index.js';
import { isThere } from '../../common/presence.js';
import { explainUnknown, unknownModels } from '../../experiment/unknown-models.js';
import { askServers, explainUnfit, explainUnready, serverTroubles, unfitModels } from '../../models/index.js';
import { diagramMemoryBytes, predictDiagramBytes } from '../../workers/diagrams/pool.js';
import { readRunInfo } from '../../workers/settings/data-folder.js';
import { configuredTemporal } from '../../workers/settings/temporal.js';
import { isOutage, patiently } from '../../workers/patience.js';
import type { PatienceOptions } from '../../workers/patience.js';
import { queueStates } from '../../workers/temporal/queue-states.js';
import { refusal } from '../../workers/temporal/service-problems.js';
import { watchTables } from '../../workers/tables-watch.js';
import type { TablesWatch } from '../../workers/tables-watch.js';
import { placeText, readingExperiments, readingStore } from '../context.js';
import type { Context } from '../context.js';
import { unlessAborted } from '../terminal/abort.js';
import { explainDevices } from '../devices.js';
import { exitCodeOf, Unfinished, withCauses } from '../program/error-document.js';
import { follow, setOthersAside, startExperiment } from '../session/follow.js';
import type { Followed } from '../session/follow.js';
import { EXIT } from '../program/exit-codes.js';
import { createObserver } from '../session/who-drives.js';
import { readStoredOrValidExperiment } from '../lookup/experiment-file.js';
import { findExperiment } from '../lookup/find-experiment.js';
import { bytes, duration, oneLine, plural, time } from '../terminal/format.js';
import { onInterrupt } from '../terminal/interruption.js';
import { requireExperiment, requireRun, withWritableStore } from '../session/open-for-writing.js';
import { note, printJson } from '../terminal/output.js';
import { onceAnswered, outageNotes } from '../session/patience.js';
import type { OutageWords } from '../session/patience.js';
import { proveObjectsPlace } from '../try-objects.js';
import { routedBy } from '../session/known-routes.js';
import { problemOf, queuesOf } from '../documents/queues.js';
import { resumeOpen } from './pause.js';
import { openSession } from '../session/open.js';
import type { Session } from '../session/connection.js';
import { printSummary, summaryDocument } from '../documents/summary.js';
import { takeOver } from '../session/take-over.js';

/** `run FILE`. Returns the exit code, like `resume` and `retry` below. */
export async function runFile(context: Context, file: string): Promise<number> {
  return await watching(context, async (watcher) => {
    const config = await readStoredOrValidExperiment(file, watcher.context);
    await bringUpToDate(watcher.context);
    return await execute(watcher, config, 'run');
  });
}

/** What the three commands share: they wait for services that do not answer. */
interface Watcher {
  /** Its store is waited for, once it has answered. */
  readonly context: Context;
  /** Aborted by the user's first Ctrl-C. */
  readonly signal: AbortSignal;
  /**
   * Call this when the work can end itself in order after the signal. Before the call, the command leaves the
   * work as it is.
   */
  readonly begin: () => void;
}

/**
 * Passes a watcher to `work`. Exit code 1 is only for an experiment that failed. So every other error is thrown
 * as Unfinished, except a wrong request.
 */
async function watching(context: Context, work: (watcher: Watcher) => Promise<number>): Promise<number> {
  const interruption = onInterrupt();
  const { signal } = interruption;
  const asking = onceAnswered({ signal, onOutage: outageNotes() });
  const early = new AbortController();
  const leave = (): void => early.abort(signal.reason);
  signal.addEventListener('abort', leave);
  const begin = (): void => signal.removeEventListener('abort', leave);
  try {
    return await unlessAborted(work({ context: { ...context, asking }, signal, begin }), early.signal);
  } catch (error) {
    const code = interruption.exitCode();
    if (code !== null) {
      if (!(error instanceof ToldStop)) note('Stopped before anything was begun.');
      return code;
    }
    if (exitCodeOf(error) === EXIT.badInput || error instanceof ExperimentFailed) throw error;
    throw error instanceof Unfinished ? error : new Unfinished(withCauses(error), { cause: error });
  } finally {
    interruption.end();
  }
}

/** The user stopped the command, and the command has already said what is stored. */
class ToldStop extends Error {}

/** The workflow of the experiment failed as a whole. The message says why. */
class ExperimentFailed extends Error {}

/**
 * Brings a database of an older version up to date, so that a run can continue with it. A database that does
 * not exist is created later.
 */
async function bringUpToDate({ place, folder, command, asking }: Context): Promise<void> {
  if (place.database === null && !isThere(folder.databaseFile)) return;
  const open = (): Promise<Store> =>
    connectStore(place, (file, before) => note(upgradedText(file, before, command('upgrade'))));
  const store = await (asking === undefined ? open() : asking(open));
  await store.close();
}

/**
 * `resume ID`: ends the pause of an experiment. If no workflow of it is open, it continues the experiment from
 * its rows.
 */
export async function resumeExperiment(
  context: Context,
  id: string,
  options: { readonly takeOver: boolean },
): Promise<number> {
  return await watching(context, async (watcher) => {
    if (options.takeOver) await takeOver(watcher.context, id);
    const resumed = await resumeOpen(watcher.context, id);
    return resumed ?? (await execute(watcher, await storedConfig(watcher.context, id), 'resume'));
  });
}

/** `retry ID [--run K]`: runs failed runs again. */
export async function retryExperiment(context: Context, id: string, run: number | null): Promise<number> {
  return await watching(context, async (watcher) => {
    if (run !== null) await refuseUnfailed(watcher.context, id, run);
    const handedOver = await handToRunningProcess(watcher.context, id, run);
    if (handedOver !== null) return handedOver;
    const config = await storedConfig(watcher.context, id);
    await bringUpToDate(watcher.context);
    return await execute(watcher, config, 'retry', run);
  });
}

async function refuseUnfailed(context: Context, id: string, index: number): Promise<void> {
  await readingExperiments(context, async (store) => {
    const { runIndex, status } = await requireRun(store, await requireExperiment(context, store, id), index);
    if (status === 'failed') return;
    throw new PanicError(
      'InvalidInput',
      `run ${runIndex} of experiment ${id} is ${status}; only a failed run can be tried again`,
    );
  });
}

/**
 * If another process drives the experiment, resets the failed runs for it. That process finds them when its
 * other runs have ended.
 */
async function handToRunningProcess(
  context: Context,
  id: string,
  run: number | null,
): Promise<number | null> {
  const driver = readRunInfo(context.folder);
  if (driver === undefined || configuredTemporal() !== undefined) return null;
  return await withWritableStore(context, async (store) => {
    const row = await requireExperiment(context, store, id);
    if (driver.experiment !== row.id) return null;
    const retried: number[] = [];
    const count = await store.experiments.resetFailedRuns(row.id, run, (indices) => {
      if (context.json) retried.push(...indices);
    });
    if (context.json) printJson({ experiment: row.id, retried });
    note(
      count === 0
        ? 'No run has failed.'
        : `${plural(count, 'failed run')} will be run again by process ${driver.pid} when the others have ended.`,
    );
    return EXIT.ok;
  });
}

async function storedConfig(context: Context, id: string): Promise<ExperimentConfig> {
  return await readingExperiments(
    context,
    async (store) => (await findExperiment(context, store, id)).config,
  );
}

interface Request {
  readonly context: Context;
  readonly id: string;
  readonly config: ExperimentConfig;
  readonly verb: 'run' | 'resume' | 'retry';
  /** Retry only this run. Null: all failed runs. */
  readonly run: number | null;
  readonly startedAt: number;
}

/** Runs an experiment to its end and prints its summary. The exit code tells how it ended. */
async function execute(
  { context, signal, begin }: Watcher,
  config: ExperimentConfig,
  verb: Request['verb'],
  run: number | null = null,
): Promise<number> {
  const request: Request = { context, id: experimentId(config), config, verb, run, startedAt: Date.now() };
  const held = await readingStore(context, (store) => reportIfHeld(request, store));
  if (held !== null) return held;
  await readingStore(context, (store) => refuseElsewhere(request, store));
  await readingStore(context, (store) => store?.experiments.refuseOtherSeeds(request.id, config));
  const settled = await readingStore(context, (store) => reportIfSettled(request, store));
  if (settled !== null) return settled;
  await readingStore(context, (store) => refuseMissingModels(request, store));
  const row = await readingStore(
    context,
    async (store) => (await store?.experiments.find(request.id)) ?? null,
  );
  const devices = await explainDevices(context, config, row === null);

  // If workers elsewhere do the work, this process writes no objects and may lack the right to.
  if (configuredTemporal() === undefined) {
    await readingStore(context, async (store) => {
      await store?.objectsPlace.check();
      await store?.objectsPlace.refuseOther();
    });
    await proveObjectsPlace(context);
  }

  signal.throwIfAborted();
  begin();
  try {
    return await executeInSession(request, devices, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    await tellInterruptedIfPossible(request, { outdated: false });
    throw new ToldStop('', { cause: error });
  }
}

async function executeInSession(
  request: Request,
  devices: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const { context, id, config, verb, run } = request;
  note(
    `Experiment ${id}${config.name === null ? '' : ` "${config.name}"`}: ${plural(runCount(config), 'run')} of at most ${plural(config.max_length, 'invocation')}.`,
  );
  warnAboutDiagramMemory(context, config);
  const session = await openSession(context, id, devices, signal);
  let store: Store | null = null;
  let tables: TablesWatch | null = null;
  const outdated = new AbortController();
  let failure: Error;
  try {
    // The workers are at work now. From here on the command waits for services that do not answer. It stops
    // waiting if the supervisor gives up a process of ours, or if the tables now belong to a newer version.
    const left = AbortSignal.any([signal, session.failed, outdated.signal]);
    const patience = { signal: left, onOutage: outageNotes() };
    const opened = await patiently(() => connectStore(context.place), patience);
    store = opened;
    tables = watchTables(opened);
    tables.outdated.then(
      ({ reason }) => outdated.abort(new Error(`this version stops watching: ${reason}`)),
      () => undefined,
    );
    await patiently(() => tellAboutSession(request, session, opened), patience);
    for (const line of devices) note(`Device:  ${line}`);
    if (verb === 'retry') await resetFailedRuns(opened, id, run, patience);
    const ended = await followToTheEnd(request, session, opened, patience);
    if (ended.kind !== 'failed') return await patiently(() => report(request, opened, ended), patience);
    failure = ended.error;
  } catch (error) {
    if (signal.aborted) throw error;
    const given = [session.failed, outdated.signal].find(({ aborted }) => aborted);
    const reason: unknown = given === undefined ? error : given.reason;
    await tellInterruptedIfPossible(request, { outdated: outdated.signal.aborted });
    throw new Unfinished(refusalOf(session, reason) ?? withCauses(reason), { cause: reason });
  } finally {
    tables?.stop();
    await session.stop();
    await store?.close();
  }
  throw failureOf(failure);
}

/** The error of a workflow. A request that the book-keeping refused stays a wrong request. */
function failureOf(error: Error): Error {
  return isPanicError(error) ? error : new ExperimentFailed(withCauses(error), { cause: error });
}

function refusalOf({ address, client }: Session, reason: unknown): string | null {
  return refusal(reason, address, client.options.namespace);
}

async function followToTheEnd(
  { context, id, config }: Request,
  session: Session,
  store: Store,
  patience: PatienceOptions,
): Promise<Followed> {
  const diagramsExpected = runCount(config) * config.embedding_models.length;
  const options = {
    silent: context.json,
    diagramsExpected,
    surrogatesExpected: diagramsExpected * surrogateCount(config),
    words: watchWords(session),
    signal: patience.signal,
  };
  for (;;) {
    const handle = await patiently(() => startExperiment(session, id, config), patience);
    const followed = await follow(handle, store, id, options);
    if (followed.kind === 'gone') return await patiently(() => endByRows(store, id), patience);
    // A workflow that was already open does not know the runs that `retry` or `resume --run` has made pending
    // since it started.
    const byStatus = await patiently(() => store.experiments.runsByStatus(id), patience);
    if (followed.kind !== 'result' || byStatus.pending === 0) return followed;
  }
}

function watchWords({ embedded }: Session): OutageWords {
  const leaves = embedded ? 'stops the run, and "resume" continues it' : 'leaves it to its workers';
  return {
    away: ({ reason }) =>
      `It cannot be watched meanwhile: ${oneLine(reason)}. Its work waits or goes on by itself; Ctrl-C ${leaves}.`,
    back: (awayMs) => `It can be watched again, after ${duration(awayMs)}.`,
  };
}

/**
 * How an experiment ended if the service no longer knows its workflow, for example after its retention time.
 */
async function endByRows(store: Store, id: string): Promise<Followed> {
  const { status } = await store.experiments.get(id);
  if (status === 'cancelled') return { kind: 'cancelled' };
  return isOpenExperiment(status) ? { kind: 'gone' } : { kind: 'result', status };
}

async function report(
  { context, id, startedAt }: Request,
  store: Store,
  followed: Exclude<Followed, { kind: 'failed' }>,
): Promise<number> {
  if ((await store.experiments.find(id)) !== null) {
    const document = await summaryDocument(store, id, { wallMs: Date.now() - startedAt });
    if (context.json) printJson(document);
    else printSummary(document, context);
  }
  switch (followed.kind) {
    case 'result':
      return followed.status === 'completed' ? EXIT.ok : EXIT.failed;
    case 'cancelled':
      note(`\nThe experiment was cancelled. "${context.command('resume', id)}" continues it.`);
      return EXIT.cancelled;
    case 'terminated':
      note(
        `\nThe experiment's workflow was terminated from outside (${followed.reason}). "${context.command('resume', id)}" continues it.`,
      );
      return EXIT.cancelled;
    case 'gone':
      note(
        `\nThe Temporal service has no workflow of the experiment any more; its state may have been deleted. "${context.command('resume', id)}" continues the experiment from its rows.`,
      );
      return EXIT.unknown;
    default:
      return assertNever(followed);
  }
}

/**
 * Refuses to continue an experiment that is paused or being deleted, except that `resume` may end a pause. Null
 * if neither is the case.
 */
async function reportIfHeld({ context, id, verb }: Request, store: Store | null): Promise<number | null> {
  const row = (await store?.experiments.find(id)) ?? null;
  if (row === null) return null;
  await requireExperiment(context, store!, id);
  if (row.pausedAt === null || verb === 'resume') return null;
  note(
    `Experiment ${id} is paused since ${time(row.pausedAt)}; "${context.command('resume', id)}" lets it go on. Nothing was done.`,
  );
  return EXIT.cancelled;
}

/** Refuses before anything starts. The book-keeping would refuse the workflow anyway. */
async function refuseElsewhere({ context, id }: Request, store: Store | null): Promise<void> {
  const row = (await store?.experiments.find(id)) ?? null;
  if (row === null) return;
  const observer = createObserver(context);
  try {
    const driven = await observer.driven(row);
    if (driven.by === 'elsewhere') {
      throw new PanicError('InvalidInput', drivenElsewhere(id, driven.place, driven.answers));
    }
  } finally {
    await observer.close();
  }
}

/**
 * Prints the summary of an experiment that has nothing left to do, without a server. Null if something is left.
 */
async function reportIfSettled({ context, id, verb }: Request, store: Store | null): Promise<number | null> {
  const row = (await store?.experiments.find(id)) ?? null;
  if (store === null || row === null) return null;
  const retry = verb === 'retry';
  const byStatus = await store.experiments.runsByStatus(id);
  const { failed } = byStatus;
  // A failed run that a user reset may have finished after its experiment ended.
  const settled = row.status === 'completed' || (row.status === 'completed_with_failures' && failed > 0);
  if (!settled || unfinishedCount(byStatus) > 0 || (retry && failed > 0)) return null;
  note(
    retry || failed === 0
      ? `Experiment ${id} is complete; there is nothing left to do.`
      : `Experiment ${id} has ended; "${context.command('retry', id)}" runs its ${plural(failed, 'failed run')} again.`,
  );
  const document = await summaryDocument(store, id, { wallMs: null });
  if (context.json) printJson(document);
  else printSummary(document, context);
  return row.status === 'completed' ? EXIT.ok : EXIT.failed;
}

/** The remaining work of a stored experiment may call fewer models than the experiment names. */
async function refuseMissingModels(
  { context, config, id, verb, run }: Request,
  store: Store | null,
): Promise<void> {
  const { catalogue, environment, command } = context;
  const row = (await store?.experiments.find(id)) ?? null;
  const machine = { catalogue, modelsFolder: environment.modelsFolder };
  const failed = verb === 'retry' ? (run ?? 'all') : 'none';
  const { unknown, unready, served, withFiles } = await missingModels(
    { config, row, store },
    machine,
    failed,
  );
  if (unknown.length > 0) {
    const told = explainUnknown(unknown, catalogue, row?.catalogue ?? null);
    throw new PanicError('InvalidInput', `${told}. Nothing was done`);
  }
  if (unready.length > 0) {
    throw new PanicError(
      'InvalidInput',
      `models of this experiment cannot be used yet; nothing was done:\n${explainUnready(unready, command)}`,
    );
  }
  const unfit = await unfitModels(withFiles, environment.modelsFolder);
  if (unfit.length > 0) {
    throw new PanicError(
      'InvalidInput',
      `models of this experiment cannot be used as they are; nothing was done:\n${explainUnfit(unfit)}`,
    );
  }
  // Workers elsewhere may reach servers that this machine does not. They ask before they plan.
  if (configuredTemporal() !== undefined) return;
  const troubles = serverTroubles(await askServers(served, environment.servers));
  if (troubles.length === 0) return;
  throw new PanicError(
    'InvalidInput',
    `servers of models of this experiment cannot be used; nothing was done:\n${troubles.join('\n')}`,
  );
}

/**
 * Only warns, since runs that end in a cycle stay shorter. If a diagram does not fit, its trajectory is kept.
 */
function warnAboutDiagramMemory({ catalogue }: Context, config: ExperimentConfig): void {
  // The inputs and outputs of an unknown model are not known. The remaining work does not call it.
  if (unknownModels(config, catalogue).length > 0) return;
  const plan = planOf(config, catalogue, { diagramBytes: predictDiagramBytes });
  const allowed = diagramMemoryBytes();
  if (plan.largestDiagramBytes <= allowed) return;
  note(
    `Warning: the diagram of a run of full length (${plural(plan.largestDiagramPoints, 'point')}) needs about ${bytes(plan.largestDiagramBytes)} of memory, ` +
      `and this machine gives ${bytes(allowed)} to diagrams. Such a run would fail at its diagram, with its outputs kept; ` +
      `a lower max_dimension or max_length avoids that.`,
  );
}

async function tellAboutSession(
  { context, id, config }: Request,
  session: Session,
  store: Store,
): Promise<void> {
  const { client, embedded, uiAddress, address } = session;
  if (embedded) {
    for (const other of await setOthersAside(client, id)) {
      note(
        `Experiment ${other} was interrupted earlier and is left as it is; "${context.command('resume', other)}" continues it.`,
      );
    }
  } else {
    note(`Temporal service: ${address}`);
    const { context: routed, disagreement } = await routedBy(context, store);
    if (disagreement !== null) note(`Warning: ${disagreement}.`);
    for (const state of await queueStates(client, queuesOf(config, routed.routes))) {
      const problem = problemOf(routed, state);
      if (problem !== null) note(`${problem[0]!.toUpperCase()}${problem.slice(1)}.`);
    }
  }
  note(`Data:    ${context.folder.root}`);
  if (context.place.database !== null) note(`Rows:    ${placeText(context)}`);
  if (uiAddress !== null) note(`Web UI:  ${uiAddress}`);
  note(`Watch:   ${context.command('status', id)}  (in another terminal)`);
}

async function resetFailedRuns(
  store: Store,
  id: string,
  run: number | null,
  patience: PatienceOptions,
): Promise<void> {
  const count = await patiently(() => store.experiments.resetFailedRuns(id, run), patience);
  note(count === 0 ? 'No run has failed.' : `Retrying ${plural(count, 'failed run')}.`);
}

/** A command that ends does not wait for the store. If the store does not answer, the message says so. */
async function tellInterruptedIfPossible(request: Request, why: Interrupted): Promise<void> {
  const { asking: _, ...context } = request.context;
  try {
    await readingStore(context, (store) => tellInterrupted({ ...request, context }, store, why));
  } catch (error) {
    if (!isOutage(error) && !isPanicError(error)) throw error;
    note(
      `What is stored stays; it could not be counted: ${errorMessage(error)}. "${context.command('resume', request.id)}" continues.`,
    );
  }
}

interface Interrupted {
  /** Whether the tables now belong to a newer version. */
  readonly outdated: boolean;
}

async function tellInterrupted(
  { context, id, startedAt }: Request,
  store: Store | null,
  { outdated }: Interrupted,
): Promise<void> {
  const row = (await store?.experiments.find(id)) ?? null;
  if (store === null || row === null) {
    note('Stopped before anything was made.');
    return;
  }
  const { invocations } = await store.summaries.progress(id);
  const stored = `${plural(invocations, 'invocation')} ${invocations === 1 ? 'is' : 'are'} stored`;
  const embedded = configuredTemporal() === undefined;
  if (outdated) {
    const how = embedded ? 'Stopped' : 'No longer watching';
    note(`${how}; ${stored}. "${context.command('resume', id)}" of the newer version goes on.`);
  } else if (embedded) note(`Stopped; ${stored}. "${context.command('resume', id)}" continues.`);
  else {
    note(
      `No longer watching; ${stored}, and the workers of the Temporal service go on. "${context.command('cancel', id)}" ends it.`,
    );
  }
  if (!context.json) return;
  const document = await summaryDocument(store, id, { wallMs: Date.now() - startedAt });
  printJson({ ...document, status: 'interrupted' });
}
