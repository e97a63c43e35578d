import { afterAll, afterEach, expect, test } from '@jest/globals';
import { WorkflowNotFoundError } from '@temporalio/client';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { experimentWorkflowId, runWorkflowId } from '../../workflows/names.js';
import { cleanUp, until } from '../support/cli-process.js';
import { violations } from '../support/store-checks.js';
import { openFleet, type Fleet } from '../support/fleet.js';

const EXPERIMENT = {
  networks: [['DummyT2I', 'SlowI2T']],
  prompts: ['a lighthouse', 'a forest', 'rain', 'two hares', 'a clock'],
  seeds: [-1],
  embedding_models: ['Dummy'],
  max_length: 40,
  concurrency: 2,
};

let fleet: Fleet;
afterEach(async () => await fleet.close());
afterAll(cleanUp);

async function isThere(workflowId: string): Promise<boolean> {
  try {
    await fleet.client.workflow.getHandle(workflowId).describe();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** What the service does by itself when the retention of a closed workflow ends. */
async function forget(workflowId: string): Promise<void> {
  const { namespace } = fleet.client.options;
  const workflowExecution = { workflowId };
  await fleet.client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution });
  await until(async () => !(await isThere(workflowId)));
}

async function isClosed(workflowId: string): Promise<boolean> {
  if (!(await isThere(workflowId))) return false;
  const { status } = await fleet.client.workflow.getHandle(workflowId).describe();
  return status.name !== 'RUNNING';
}

test('an experiment goes on after the service has forgotten its ended runs, and every command of an operator still works', async () => {
  fleet = await openFleet();
  const { client, folder, data } = fleet;
  const done = async (...words: readonly string[]): Promise<void> => {
    expect(await fleet.command(words).ended).toMatchObject({ code: 0 });
  };
  await fleet.worker(['--queues', 'main,cpu']);
  const file = join(folder, 'experiment.json');
  writeFileSync(file, JSON.stringify(EXPERIMENT));
  const running = fleet.command(['run', file]);
  await until(
    () => /^Watch:/m.test(running.stderr()),
    () => running.stderr(),
  );
  const [, id = ''] = /^Experiment (\w+)/m.exec(running.stderr()) ?? [];
  await until(() => isThere(runWorkflowId(id, 0)));
  await client.workflow.getHandle(runWorkflowId(id, 0)).terminate('by hand');
  // The experiment stays open while a user pauses two of its runs.
  for (const index of ['2', '4']) await done('pause', id, '--run', index);
  await fleet.worker(['--queues', 'gpu']);
  for (const index of [0, 1, 3]) {
    await until(() => isClosed(runWorkflowId(id, index)));
    await forget(runWorkflowId(id, index));
  }

  await done('status', id);
  await done('pause', id);
  await done('resume', id);
  await done('cancel', id, '--run', '4');
  await done('resume', id, '--run', '2');
  expect(await running.ended).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/runs +3 finished, 1 failed, 1 unfinished/),
  });

  await forget(experimentWorkflowId(id));
  await done('status', id);
  await done('resume', id, '--run', '4');
  expect(await fleet.command(['retry', id]).ended).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/runs +5 finished/),
  });
  expect(await violations(data)).toEqual([]);
});
