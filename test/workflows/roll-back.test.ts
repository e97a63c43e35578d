import { describe, expect, test } from '@jest/globals';
import { NativeConnection, Worker } from '@temporalio/worker';
import { readFileSync } from 'node:fs';
import { TASK_QUEUES } from '../../workflows/names.js';
import { byVersion, releasedBundle, releases } from '../support/released-version.js';
import { suiteAddress, takeNamespace, withClient } from '../support/suite-server.js';
import { repositoryPath } from '../support/child-processes.js';
import {
  changed,
  PRESENT,
  recordedVersions,
  replay,
  replayRecorded,
  type Verdict,
} from '../support/replaying.js';

/** Workers of a release take over workflows that a later release continued. */
interface RollBack {
  readonly from: string;
  readonly to: string;
}

/** A line of docs/releases.md: which histories of `from` the release `to` cannot continue. */
interface Told extends RollBack {
  readonly waiting: readonly string[];
}

const TABLE = 'docs/releases.md';

const rollBacks: readonly RollBack[] = recordedVersions.flatMap((from) =>
  releases.filter(({ version }) => byVersion(version, from) < 0).map(({ version: to }) => ({ from, to })),
);

const told: readonly Told[] = readFileSync(repositoryPath(TABLE), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, from, to, outcome = ''] = /^\| (\d\S*) +\| (\d\S*) +\| (go on|wait.*?) *\|$/.exec(line) ?? [];
    if (from === undefined || to === undefined) return [];
    return [{ from, to, waiting: [...outcome.matchAll(/`([^`]+)`/g)].map(([, name]) => String(name)) }];
  });

/**
 * What is wrong with the line of the table for a roll back, and what to do. Null if the replay agrees with it.
 */
function contradiction(
  { from, to }: RollBack,
  verdicts: ReadonlyMap<string, Verdict>,
  waiting: readonly string[],
): string | null {
  const unfit = [...verdicts].flatMap(([name, verdict]) => (verdict === null ? [] : [{ name, verdict }]));
  const names = unfit.map(({ name }) => name);
  if (names.toSorted().join() === waiting.toSorted().join()) return null;
  const lineOf = (outcome: string): string => `| ${from} | ${to} | ${outcome} |`;
  if (names.length === 0) {
    return `${to} goes on with every workflow of ${from}, and ${TABLE} says otherwise: write ${lineOf('go on')}`;
  }
  const outcome = `wait: ${names.map((name) => `\`${name}\``).join(', ')}`;
  return (
    `${to} does not go on with these workflows of ${from}:\n${unfit.map(({ name, verdict }) => `  ${name}: ${verdict}`).join('\n')}\n` +
    `If that is not intended, change the workflow code so that it makes the same histories as ${to}. Otherwise, when an operator goes back from ${from} to ${to}, these ` +
    `workflows wait until ${from} is there again: say so in ${TABLE} with ${lineOf(outcome)}`
  );
}

test(`${TABLE} has a line for each released version and each later one`, () => {
  expect(told.map(({ from, to }) => `${from} to ${to}`).toSorted()).toEqual(
    rollBacks.map(({ from, to }) => `${from} to ${to}`).toSorted(),
  );
});

test.each(rollBacks)('from $from back to $to: replay says what the table says', async ({ from, to }) => {
  const verdicts = await replayRecorded(releasedBundle(to), from);
  const { waiting } = told.find((line) => line.from === from && line.to === to) ?? { waiting: [] };
  const wrong = contradiction({ from, to }, verdicts, waiting);
  if (wrong !== null) throw new Error(wrong);
});

describe('a release to which an operator cannot go back', () => {
  const rollBack = { from: PRESENT, to: 'an earlier one' };

  test('is found if it decides otherwise, and the message has the line for the table', async () => {
    const longer = changed('const ACTIVITIES_PER_EXECUTION = 200', 'const ACTIVITIES_PER_EXECUTION = 201');
    const verdicts = await replayRecorded(longer, PRESENT, ['run-plain', 'run-continued-as-new']);
    expect(contradiction(rollBack, verdicts, [])).toContain(
      `| ${PRESENT} | an earlier one | wait: \`run-continued-as-new\` |`,
    );
    expect(contradiction(rollBack, verdicts, ['run-continued-as-new'])).toBeNull();
    expect(contradiction(rollBack, verdicts, ['run-continued-as-new', 'run-plain'])).toContain(
      'wait: `run-continued-as-new` |',
    );
  });

  test('is found if it does not know a patch of the present version', async () => {
    const patch = "(0,_temporalio_workflow__WEBPACK_IMPORTED_MODULE_0__.patched)('a-new-way');";
    const history = await recordedBy(changed('const hold = holdOf(', `${patch} const hold = holdOf(`));
    for (const { version } of releases) {
      const verdicts = await replay(releasedBundle(version), new Map([['a-run', history]]));
      expect(verdicts.get('a-run')).toMatch(/a-new-way/);
      expect(contradiction({ from: PRESENT, to: version }, verdicts, [])).toContain('wait: `a-run` |');
    }
  });
});

/** The history of a run of one step, driven by this bundle. */
async function recordedBy(code: string) {
  const namespace = takeNamespace();
  const connection = await NativeConnection.connect({ address: suiteAddress() });
  const shared = { connection, namespace };
  const advanced = {
    next: 1,
    maxLength: 1,
    ended: 'length',
    cycleLength: null,
    network: 'a',
    seed: 3,
    prompt: 'b',
  };
  try {
    const main = await Worker.create({ ...shared, taskQueue: TASK_QUEUES.main, workflowBundle: { code } });
    const gpu = await Worker.create({
      ...shared,
      taskQueue: TASK_QUEUES.gpu,
      activities: { advanceRun: () => advanced },
    });
    return await main.runUntil(
      gpu.runUntil(
        withClient(namespace, async ({ workflow }) => {
          const args = [{ experiment: 'an experiment', index: 0, embeddingModels: [], unindexed: true }];
          await workflow.execute('run', { workflowId: 'a-run', taskQueue: TASK_QUEUES.main, args });
          return await workflow.getHandle('a-run').fetchHistory();
        }),
      ),
    );
  } finally {
    await connection.close();
  }
}
