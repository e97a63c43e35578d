// npm run record-histories [-- SCENARIO ...]: records histories for test/workflows/replay.test.ts, with the
// workflows of dist/ on a real server and quick activities of this file. Add scenarios freely. Record an old
// scenario again only if running workflows need not survive a change of workflow code; until then its stored
// history says whether they do. The folder of a history is the version that recorded it. When the version in
// package.json is raised, record all of them, and leave the older ones alone.
import { Context } from '@temporalio/activity';
import { ApplicationFailure, Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createRequire } from 'node:module';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTemporalCli } from '../dist/workers/temporal/cli.js';
import { startTemporalServer } from '../dist/workers/temporal/server.js';
import { routeQueue, runWorkflowId, shardWorkflowId, TASK_QUEUES } from '../dist/workflows/names.js';

const { version } = createRequire(import.meta.url)('../package.json');
const histories = fileURLToPath(new URL(`../test/histories/${version}/`, import.meta.url));
const codePath = fileURLToPath(new URL('../dist/workflows/bundle.js', import.meta.url));

const SLOW = routeQueue('slow');
const EMBEDDERS = ['HashedNgram', 'ColourGradient'];

/**
 * By experiment, whose name is also the workflow's id.
 *
 * - `runs`: how many runs the plan has
 * - `unfinished`: the runs still to be done (default: all)
 * - `steps`: after how many activities a run ends
 * - `analysed`: what the last of them did of the later stages
 * - `queues`: the queues of the steps, in turns, if models have routes
 * - `disagreeing`: how often the workers first send a run on
 * - `advance`: may do something else first
 * - `held`: what the rows say after a number of calls
 * - `paused`: the rows say so of the experiment when it is planned
 * - `unindexed`: the namespace lacks search attributes
 */
const scenarios = {
  'experiment-direct': { runs: 3 },
  'experiment-continued': { runs: 5, unfinished: [1, 4] },
  'experiment-complete': { runs: 5, unfinished: [] },
  'experiment-bad-input': { plan: () => fail('the experiment: 1 problem', 'InvalidInput') },
  'experiment-failed-run': {
    runs: 3,
    advance: ({ index }) => index === 1 && fail('a blank caption', 'ModelOutputInvalid'),
  },
  'experiment-terminated-run': { runs: 2, advance: ({ index }) => index === 1 && untilCancelled() },
  'experiment-cancelled': { runs: 3, concurrency: 2, advance: untilCancelled },
  'experiment-cancelled-planning': { runs: 3, plan: untilAllowedOn },
  'experiment-cancelled-finishing': { runs: 1, finish: untilAllowedOn },
  'experiment-id-taken': { runs: 1, advance: () => idIsTaken && untilCancelled() },
  'experiment-paused': { runs: 2, advance: untilPausedOnce },
  'experiment-planned-paused': { runs: 2, paused: true },
  'experiment-shards-paused': { runs: 510, unfinished: [0, 250], concurrency: 4, advance: untilPausedOnce },
  'experiment-shards-cancelled': {
    runs: 510,
    unfinished: [0, 1, 250],
    concurrency: 4,
    advance: untilCancelled,
  },
  'experiment-shards': { runs: 510, unfinished: [0, 1, 2, 250, 251, 509], concurrency: 4 },
  'experiment-unindexed': { runs: 2, unindexed: true },
  'run-plain': { steps: 3 },
  'run-unindexed': { steps: 2, unindexed: true },
  'run-embedded': { steps: 2, analysed: { embedded: ['HashedNgram'], measured: [] } },
  'run-over-at-once': { analysed: { embedded: EMBEDDERS, measured: EMBEDDERS } },
  'run-cycle': { steps: 2, ended: 'cycle' },
  'run-continued-as-new': { steps: 203 },
  'run-failed': { advance: () => fail('a blank caption', 'ModelOutputInvalid') },
  'run-failed-embedding': {
    embed: (model) => model === 'ColourGradient' && fail('it would not fit', 'ResourceLimit'),
  },
  'run-cancelled': { advance: untilCancelled },
  'run-routed': {
    steps: 4,
    queues: [undefined, SLOW],
    analysed: { embeddingQueues: { ColourGradient: SLOW } },
    embed: (model) => model === 'HashedNgram' && { queue: SLOW },
  },
  'run-routes-disagree': { steps: 1, queues: [SLOW], disagreeing: 3 },
  'experiment-routed': { runs: 1, queues: [SLOW] },
  'run-paused': { advance: untilPausedOnce },
  'run-cancelled-before': { held: () => 'run-cancelled' },
  'run-continued-paused': { steps: 201, held: (calls) => calls === 200 && 'run-paused' },
  'run-retried-activity': {
    advance: (_ref, attempt) => attempt < 3 && fail('the host died', 'DeviceError', true),
  },
};

// The SDK's historyToJSON is not used: it fails if npm installs two copies of protobufjs.
const { History } = proto.temporal.api.history.v1;

/** Fields that differ between two recordings, or describe the recording machine, and that no replay reads. */
const NOISE = new Set([
  'taskId',
  'requestId',
  'identity',
  'workerVersion',
  'meteringMetadata',
  'historySizeBytes',
  'stackTrace',
]);

let idIsTaken = true;
/** Runs that were paused once. */
const paused = new Set();
/** Resolves when an activity waits for its cancellation. */
let waiting = resolvers();
/** Resolves when an activity that ignores a cancellation may go on. */
let allowedOn = resolvers();

function resolvers() {
  const parts = {};
  parts.promise = new Promise((resolve) => Object.assign(parts, { resolve }));
  return parts;
}

function fail(message, type, retryable = false) {
  throw ApplicationFailure.create({ message, type, nonRetryable: !retryable });
}

async function untilCancelled() {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(), 100);
  waiting.resolve();
  try {
    await context.cancelled;
  } finally {
    clearInterval(timer);
  }
}

/** The first activity of a run waits for the pause, which cancels it; the second goes on. */
async function untilPausedOnce({ experiment, index }) {
  const key = runWorkflowId(experiment, index);
  if (paused.has(key)) return;
  paused.add(key);
  await untilCancelled();
}

/** Ignores a cancellation, and goes on when the recorder allows it. */
async function untilAllowedOn() {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(), 100);
  waiting.resolve();
  await allowedOn.promise;
  clearInterval(timer);
}

const stepsOf = new Map();
const sentOn = new Map();

function onQueue(queue) {
  return queue === undefined ? {} : { queue };
}

const activities = {
  async planExperiment({ experiment }) {
    const { plan, runs, concurrency = 64, queues, paused, unindexed } = scenarios[experiment];
    await plan?.();
    const routed = queues === undefined ? {} : { routed: true };
    const held = paused === true ? { paused } : {};
    return {
      experiment,
      name: null,
      runs,
      concurrency,
      embeddingModels: ['HashedNgram'],
      ...routed,
      ...held,
      ...(unindexed === true ? { unindexed } : {}),
    };
  },
  unfinishedRuns({ experiment, from, to }) {
    const { runs, unfinished = Array.from({ length: runs }, (_, index) => index) } = scenarios[experiment];
    return unfinished.filter((index) => index >= from && index < to).map((index) => index - from);
  },
  routeRun: ({ experiment }) => onQueue(scenarios[experiment].queues[0]),
  recordPause() {},
  stopRun() {},
  async finishExperiment(experiment, ending) {
    const { runs, finish } = scenarios[experiment];
    await finish?.();
    const status = ending.kind === 'driven' ? 'completed' : ending.kind;
    return { experiment, status, runs, finished: runs, failed: 0, cancelled: 0, failedRuns: [] };
  },
  async advanceRun(ref) {
    const {
      advance,
      steps = 1,
      ended = 'length',
      analysed = {},
      queues,
      disagreeing = 0,
      held,
    } = scenarios[ref.experiment];
    await advance?.(ref, Context.current().info.attempt);
    const key = runWorkflowId(ref.experiment, ref.index);
    const sent = sentOn.get(key) ?? 0;
    sentOn.set(key, sent + 1);
    const byRows = held?.(sent + 1) || null;
    const made = (stepsOf.get(key) ?? 0) + (sent < disagreeing || byRows !== null ? 0 : 1);
    stepsOf.set(key, made);
    // Other workers would report the same of a run that they send on: its first step is still to be made.
    const next = made;
    return {
      ...(byRows === null ? {} : { held: byRows }),
      ...(next >= steps
        ? analysed
        : onQueue(sent < disagreeing ? routeQueue(`route-${sent % 2}`) : queues?.[next % queues.length])),
      next,
      maxLength: steps,
      ended: next >= steps ? ended : null,
      cycleLength: ended === 'cycle' ? 2 : null,
      network: 'DummyT2I → DummyI2T',
      seed: 3,
      prompt: 'a lighthouse',
    };
  },
  embedRun({ experiment }, model) {
    const { taskQueue } = Context.current().info;
    const elsewhere = taskQueue === TASK_QUEUES.gpu && scenarios[experiment].embed?.(model);
    return elsewhere || 2;
  },
  diagramRun: () => ({ points: 2, bars: [2, 0] }),
};

const folder = mkdtempSync(join(tmpdir(), 'panic-tda-histories-'));
Runtime.install({ logger: new DefaultLogger('ERROR') });
const server = await startTemporalServer({
  cli: await findTemporalCli({ fetch: true }),
  databaseFile: join(folder, 'temporal.sqlite'),
  logFile: join(folder, 'temporal.log'),
  graceMs: 0,
});
const connection = await NativeConnection.connect({ address: server.address });
const clientConnection = await Connection.connect({ address: server.address });
const client = new Client({ connection: clientConnection, identity: 'client' });
const workers = await Promise.all(
  [...Object.values(TASK_QUEUES), SLOW, routeQueue('route-0'), routeQueue('route-1')].map((taskQueue) =>
    Worker.create({
      connection,
      taskQueue,
      activities,
      identity: 'worker',
      ...(taskQueue === TASK_QUEUES.main ? { workflowBundle: { codePath } } : {}),
    }),
  ),
);
const serving = Promise.all(workers.map((worker) => worker.run()));
try {
  mkdirSync(histories, { recursive: true });
  await record();
} finally {
  for (const worker of workers) worker.shutdown();
  await serving;
  await connection.close();
  await clientConnection.close();
  await server.stop();
  rmSync(folder, { recursive: true });
}

async function record() {
  const wanted = process.argv.slice(2);
  for (const name of wanted.length > 0 ? wanted : Object.keys(scenarios)) {
    waiting = resolvers();
    allowedOn = resolvers();
    await (name.startsWith('run-') ? recordRun(name) : recordExperiment(name));
  }
}

async function recordRun(name) {
  const routed = scenarios[name].queues === undefined ? {} : { routed: true };
  const indexing = scenarios[name].unindexed === true ? { unindexed: true } : {};
  const args = [{ experiment: name, index: 0, embeddingModels: EMBEDDERS, ...routed, ...indexing }];
  const handle = await client.workflow.start('run', { taskQueue: TASK_QUEUES.main, workflowId: name, args });
  if (name === 'run-cancelled') await cancelWhenWaiting(handle);
  if (name === 'run-paused') await pauseWhenWaiting(handle, [name]);
  if (name === 'run-continued-paused') {
    await untilEvent(
      handle,
      (event) => event.workflowExecutionContinuedAsNewEventAttributes,
      handle.firstExecutionRunId,
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    await client.workflow.getHandle(name).signal('resume');
    await client.workflow.getHandle(name).result();
    // The history before it is 200 activities like those of `run-continued-as-new`.
    return await save('run-paused-continued', name);
  }
  await ended(handle);
  await save(name, name, handle.firstExecutionRunId);
  if (name === 'run-continued-as-new') await save('run-continued', name);
}

async function recordExperiment(name) {
  const taken = runWorkflowId(name, 0);
  if (name === 'experiment-id-taken') {
    const args = [{ experiment: name, index: 0, embeddingModels: [] }];
    await client.workflow.start('run', { taskQueue: TASK_QUEUES.main, workflowId: taken, args });
    await waiting.promise;
  }
  const handle = await client.workflow.start('experiment', {
    taskQueue: TASK_QUEUES.main,
    workflowId: name,
    args: [{ experiment: name }],
  });
  if (/^experiment-(shards-)?cancelled/.test(name)) await cancelWhenWaiting(handle);
  const runs = { 'experiment-paused': [0, 1], 'experiment-shards-paused': [0, 250] }[name];
  if (runs !== undefined) {
    await pauseWhenWaiting(
      handle,
      runs.map((index) => runWorkflowId(name, index)),
    );
  }
  if (name === 'experiment-planned-paused') {
    await untilEvent(handle, (event) => event.activityTaskCompletedEventAttributes);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await handle.signal('resume');
  }
  if (name === 'experiment-terminated-run') {
    await waiting.promise;
    await client.workflow.getHandle(runWorkflowId(name, 1)).terminate('by hand');
  }
  if (name === 'experiment-id-taken') {
    await untilEvent(handle, (event) => event.startChildWorkflowExecutionFailedEventAttributes);
    idIsTaken = false;
    await client.workflow.getHandle(taken).terminate('makes room');
  }
  await ended(handle);
  await save(name, name);
  if (name === 'experiment-shards') await save('shard', shardWorkflowId(name, 0));
  if (name === 'experiment-shards-paused') await save('shard-paused', shardWorkflowId(name, 0));
  if (name === 'experiment-shards-cancelled') await save('shard-cancelled', shardWorkflowId(name, 0));
}

async function cancelWhenWaiting(handle) {
  await waiting.promise;
  await handle.cancel();
  await untilEvent(handle, (event) => event.workflowExecutionCancelRequestedEventAttributes);
  // The workflow answers the request with a task of its own before the activity ends.
  await new Promise((resolve) => setTimeout(resolve, 500));
  allowedOn.resolve();
}

function computes(event) {
  return event.activityTaskScheduledEventAttributes?.activityType.name === 'advanceRun';
}

/** Pauses when the runs compute, and resumes when they have stopped. */
async function pauseWhenWaiting(handle, runs) {
  for (const run of runs) await untilEvent(client.workflow.getHandle(run), computes);
  await handle.signal('pause');
  for (const run of runs) {
    await untilEvent(client.workflow.getHandle(run), (event) => event.activityTaskCanceledEventAttributes);
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  await handle.signal('resume');
}

async function untilEvent(handle, isIt, runId) {
  for (;;) {
    const { events } = await client.workflow
      .getHandle(handle.workflowId, runId)
      .fetchHistory()
      .catch(() => ({ events: [] }));
    if (events.some(isIt)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Some scenarios end by a failure or a cancellation. */
async function ended(handle) {
  await handle.result().catch(() => undefined);
}

async function save(name, workflowId, runId) {
  const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const { events } = History.toObject(history, { enums: String, longs: String, bytes: String });
  // One event a line, so that a new recording shows what changed.
  const lines = events.map((event) =>
    JSON.stringify(event, (key, value) => (NOISE.has(key) ? undefined : value)),
  );
  const text = `{"events":[\n${lines.join(',\n')}\n]}\n`;
  writeFileSync(join(histories, `${name}.json`), text);
  console.log(`${name}: ${events.length} events, ${Math.ceil(text.length / 1024)} KiB`);
}
