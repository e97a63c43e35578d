import { beforeAll, describe, expect, test } from '@jest/globals';
import {
  BUNDLE,
  changed,
  historiesOf,
  PRESENT,
  recordedVersions,
  replayRecorded,
} from '../support/replaying.js';
import type { Verdict } from '../support/replaying.js';

test('this version has a history of every workflow and of every way in which it ends', () => {
  expect(historiesOf(PRESENT)).toEqual([
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

describe.each(recordedVersions)('of %s', (version) => {
  let verdicts: Map<string, Verdict>;
  beforeAll(async () => {
    verdicts = await replayRecorded(BUNDLE, version);
  });

  test.each(historiesOf(version))(
    '%s replays: running workflows of this kind survive this version',
    (name) => {
      expect(verdicts.get(name)).toBeNull();
    },
  );
});

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
    change: 'children that receive no pause',
    history: 'experiment-paused',
    from: 'line.tell(this.paused);',
    to: 'line;',
  },
  {
    change: 'a resume that takes effect before the rows say so',
    history: 'run-paused',
    from: 'const later = !wanted &&',
    to: 'const later = false &&',
  },
  {
    change: 'a pause that is forgotten when the run continues as new',
    history: 'run-paused-continued',
    from: 'held = _hold_js',
    to: 'forgotten: held = _hold_js',
  },
  {
    change: 'a cancellation that is not written down',
    history: 'run-cancelled',
    from: "? { status: 'cancelled' } :",
    to: '? null :',
  },
  {
    change: 'an end of the experiment that a cancellation can stop',
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
    change: 'a wait more',
    history: 'shard',
    from: 'const indices = offsets.map(',
    to: 'await (0,_temporalio_workflow__WEBPACK_IMPORTED_MODULE_0__.sleep)(1); const indices = offsets.map(',
  },
])('$change is found out by $history', async ({ history, from, to }) => {
  const verdicts = await replayRecorded(changed(from, to), PRESENT, [history]);
  expect(verdicts.get(history)).toMatch(/Determinism|ReplayError/);
  // The change itself is sound.
  expect(verdicts.get(history)).not.toMatch(/ReferenceError|TypeError|SyntaxError/);
});
