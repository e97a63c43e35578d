import { expect, jest, test } from '@jest/globals';
import proto from '@temporalio/proto';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryPath } from '../workers/child-processes.js';

jest.setTimeout(60_000);
Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined) });

const { History } = proto.temporal.api.history.v1;
const HISTORIES = repositoryPath('test/histories');
const BUNDLE = readFileSync(repositoryPath('dist/workflows/bundle.js'), 'utf8');

const { version } = JSON.parse(readFileSync(repositoryPath('package.json'), 'utf8')) as { version: string };

/** By release: what its workflows recorded, which the workflows of every later one must be able to go on with. */
const releases = readdirSync(HISTORIES).sort();
const recorded = releases.flatMap((release) => namesIn(release).map((name) => ({ release, name })));

function namesIn(release: string): string[] {
  return readdirSync(join(HISTORIES, release))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

/** What a worker says of a history that it meets again with this code; null where the code makes the same decisions. */
async function replay(code: string, release: string, name: string): Promise<string | null> {
  const text = readFileSync(join(HISTORIES, release, `${name}.json`), 'utf8');
  const history = History.fromObject(JSON.parse(text) as Record<string, unknown>);
  const options = { workflowBundle: { code } };
  for await (const { error } of Worker.runReplayHistories(options, [{ workflowId: name, history }])) {
    return error === undefined ? null : `${error.name}: ${error.message}`;
  }
  throw new Error(`${name} was not replayed`);
}

function changed(from: string, to: string): string {
  const code = BUNDLE.replaceAll(from, to);
  if (code === BUNDLE) throw new Error(`the bundle has no ${from} to change`);
  return code;
}

test('this version has a history of every workflow and of every way that it ends', () => {
  expect(namesIn(version)).toEqual([
    'experiment-bad-input',
    'experiment-cancelled',
    'experiment-cancelled-finishing',
    'experiment-cancelled-planning',
    'experiment-complete',
    'experiment-continued',
    'experiment-direct',
    'experiment-failed-run',
    'experiment-id-taken',
    'experiment-paused',
    'experiment-planned-paused',
    'experiment-routed',
    'experiment-shards',
    'experiment-shards-cancelled',
    'experiment-shards-paused',
    'experiment-terminated-run',
    'experiment-unindexed',
    'run-cancelled',
    'run-cancelled-before',
    'run-continued',
    'run-continued-as-new',
    'run-cycle',
    'run-embedded',
    'run-failed',
    'run-failed-embedding',
    'run-over-at-once',
    'run-paused',
    'run-paused-continued',
    'run-plain',
    'run-retried-activity',
    'run-routed',
    'run-routes-disagree',
    'run-unindexed',
    'shard',
    'shard-cancelled',
    'shard-paused',
  ]);
});

test.each(recorded)(
  '$name of $release replays: workflows like it that are running survive this version',
  async ({ release, name }) => {
    expect(await replay(BUNDLE, release, name)).toBeNull();
  },
);

test.each([
  {
    change: 'an activity for what is done already',
    history: 'run-over-at-once',
    from: 'done.measured?.includes(model) !== true',
    to: 'true',
  },
  {
    change: 'another activity',
    history: 'run-plain',
    from: '.embedding.embedRun.executeWithOptions',
    to: '.embedding.diagramRun.executeWithOptions',
  },
  {
    change: 'a longer execution',
    history: 'run-continued-as-new',
    from: 'const ACTIVITIES_PER_EXECUTION = 200',
    to: 'const ACTIVITIES_PER_EXECUTION = 201',
  },
  {
    change: 'search attributes of a namespace that lacks them',
    history: 'experiment-unindexed',
    from: 'if (unindexed !== true)',
    to: 'if (true)',
  },
  {
    change: 'a run that asks for no queue',
    history: 'run-routed',
    from: 'input.routed === true',
    to: 'false',
  },
  {
    change: 'no pause between two redirections',
    history: 'run-routes-disagree',
    from: 'if (this.inARow === 1)',
    to: 'if (this.inARow > 0)',
  },
  {
    change: 'activities that a pause does not reach',
    history: 'run-paused',
    from: 'for (const scope of this.scopes)',
    to: 'for (const scope of [])',
  },
  {
    change: 'children that are not told of a pause',
    history: 'experiment-paused',
    from: 'line.tell(this.paused);',
    to: '',
  },
  {
    change: 'a pause that is forgotten when the run continues as new',
    history: 'run-paused-continued',
    from: 'held = _hold_js',
    to: 'forgotten = _hold_js',
  },
  {
    change: 'no word of the cancellation',
    history: 'run-cancelled',
    from: "? { status: 'cancelled' } :",
    to: '? null :',
  },
  {
    change: 'an end of the experiment that can be cancelled',
    history: 'experiment-cancelled-finishing',
    from: '.CancellationScope.nonCancellable(() => _activities_js__WEBPACK_IMPORTED_MODULE_1__.bookkeeping.finish',
    to: '.CancellationScope.cancellable(() => _activities_js__WEBPACK_IMPORTED_MODULE_1__.bookkeeping.finish',
  },
  {
    change: 'other ids of the runs',
    history: 'experiment-direct',
    from: '`run-${experiment}-${index}`',
    to: '`run-${index}-${experiment}`',
  },
  {
    change: 'no second attempt to start a run',
    history: 'experiment-id-taken',
    from: 'const ID_RETRIES = 30',
    to: 'const ID_RETRIES = 0',
  },
  {
    change: 'larger shards',
    history: 'experiment-shards',
    from: 'const SHARD_SIZE = 250',
    to: 'const SHARD_SIZE = 300',
  },
  {
    change: 'an activity more',
    history: 'shard',
    from: 'const counts = { running: 0, finished: 0, failed: 0 };\n',
    to: "const counts = { running: 0, finished: 0, failed: 0 };\nawait _activities_js__WEBPACK_IMPORTED_MODULE_1__.bookkeeping.finishExperiment('e', { kind: 'driven' });\n",
  },
])('$change is found out by $history', async ({ history, from, to }) => {
  expect(await replay(changed(from, to), version, history)).toMatch(/Determinism|ReplayError/);
});
