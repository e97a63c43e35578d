import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findTemporalCli } from '../../workers/temporal/cli.js';
import { firstByDay, isFullRange } from '../support/range.js';
import { violations, withStore } from '../support/store-checks.js';
import { suiteAddress } from '../support/suite-server.js';
import type { GatedLaboratory } from './gated-laboratory.js';
import { patientlyUntil } from './gated-laboratory.js';
import { runsOf } from '../support/run-rows.js';

/** Makes the tests of what an operator does with the Temporal command line. */
export function testCommandsOfOperator(opened: () => GatedLaboratory): void {
  /** `temporal workflow …` as an operator types it. */
  async function temporalWorkflow(...words: string[]): Promise<void> {
    const { path } = await findTemporalCli({ fetch: false });
    const where = ['--address', suiteAddress(), '--namespace', opened().namespace, '--reason', 'drill'];
    await promisify(execFile)(path, ['workflow', ...words, ...where]);
  }

  async function runIs(status: string, experiment: string, index: number): Promise<void> {
    await patientlyUntil(
      `run ${index} is ${status}`,
      async () => (await runsOf(opened().data, experiment))[index]!.status === status,
    );
  }

  /**
   * Terminates a run of two, and waits until its last activity is over: until it makes no step while the other run
   * makes six. Behind an open gate such an activity could still make the whole run.
   */
  async function terminateRun(experiment: string, index: 0 | 1): Promise<void> {
    await temporalWorkflow('terminate', '--workflow-id', `run-${experiment}-${index}`);
    await runIs('failed', experiment, index);
    let [last, since] = [-1, 0];
    await patientlyUntil(
      `run ${index} makes no step`,
      opened().gate.lettingThrough(async () => {
        const made = (await runsOf(opened().data, experiment)).map(({ invocations }) => invocations);
        if (made[index] !== last) [last, since] = [made[index]!, made[1 - index]!];
        return made[1 - index]! >= since + 6;
      }),
    );
  }

  test.each(firstByDay(['FirstWorkflowTask', 'LastWorkflowTask']))(
    'a running run that is reset to its %s continues from its rows, and its experiment waits for it',
    async (type) => {
      const name = `run-reset-${type}`;
      const { experiment } = await opened().beginUnderWay(name);
      await opened().untilReported(experiment, 1);
      await temporalWorkflow('reset', '--workflow-id', `run-${experiment}-1`, '--type', type);
      await opened().completesEqually(name, experiment);
      const { failures } = (await runsOf(opened().data, experiment))[1]!;
      expect(failures).toEqual([]);
    },
  );

  test.each(firstByDay(['LastWorkflowTask', 'FirstWorkflowTask']))(
    'a running experiment that is reset to its %s continues to drive its runs',
    async (type) => {
      const name = `experiment-reset-${type}`;
      const { experiment } = await opened().beginUnderWay(name);
      await temporalWorkflow('reset', '--workflow-id', name, '--type', type);
      await opened().completesEqually(name, experiment);
    },
  );

  test('a terminated run fails alone, and retry makes it again', async () => {
    const name = 'run-terminated';
    const { data, gate, begin, beginUnderWay, completesEqually } = opened();
    const { handle, experiment } = await beginUnderWay(name);
    await terminateRun(experiment, 1);
    gate.open();
    expect(await handle.result()).toMatchObject({ status: 'completed_with_failures', failedRuns: [1] });
    const [other, terminated] = await runsOf(data, experiment);
    expect(terminated).toMatchObject({ status: 'failed', errorKind: 'Terminated' });
    expect(await violations(data, experiment)).toEqual([]);
    await withStore(data, ({ experiments }) => experiments.resetFailedRuns(experiment));
    await begin(name);
    await completesEqually(name, experiment);
    expect((await runsOf(data, experiment))[0]).toEqual(other);
  });

  test('a terminated experiment ends its runs, and a new start continues it', async () => {
    const name = 'experiment-terminated';
    const { client, begin, beginUnderWay, completesEqually, experimentRow } = opened();
    const { experiment } = await beginUnderWay(name);
    await temporalWorkflow('terminate', '--workflow-id', name);
    await patientlyUntil('the runs are terminated', async () => {
      const run = client.workflow.getHandle(`run-${experiment}-0`);
      return (await run.describe()).status.name === 'TERMINATED';
    });
    // No process was left to write it down. "status" calls this interrupted.
    expect(await experimentRow(experiment)).toMatchObject({ status: 'running', driverWorkflowId: name });
    await begin(name);
    await completesEqually(name, experiment);
  });

  test('a failed run that is reset continues; its experiment does not notice until it is started again', async () => {
    const name = 'failed-run-reset';
    const { client, data, gate, begin, beginUnderWay, completesEqually } = opened();
    const { handle, experiment } = await beginUnderWay(name);
    const run = `run-${experiment}-0`;
    await temporalWorkflow('terminate', '--workflow-id', run);
    await runIs('failed', experiment, 0);
    await temporalWorkflow('reset', '--workflow-id', run, '--type', 'LastWorkflowTask');
    gate.open();
    expect(await client.workflow.getHandle(run).result()).toEqual({ length: 40, ended: 'length' });
    expect((await runsOf(data, experiment))[0]).toMatchObject({ status: 'finished', errorKind: null });
    await handle.result();
    await begin(name);
    await completesEqually(name, experiment);
  });

  // By day, the tests around this one reset an ended experiment, and retry a terminated run.
  if (isFullRange()) {
    test('an ended experiment that is reset makes the runs that retry made pending', async () => {
      const name = 'ended-reset';
      const { data, gate, beginUnderWay, completesEqually } = opened();
      const { handle, experiment } = await beginUnderWay(name);
      await terminateRun(experiment, 0);
      gate.open();
      expect(await handle.result()).toMatchObject({ status: 'completed_with_failures' });
      await withStore(data, ({ experiments }) => experiments.resetFailedRuns(experiment));
      await temporalWorkflow('reset', '--workflow-id', name, '--type', 'FirstWorkflowTask');
      await completesEqually(name, experiment);
    });
  }

  test('a cancelled experiment that is reset to its FirstWorkflowTask runs to its end', async () => {
    const name = 'cancelled-reset';
    const { beginUnderWay, completesEqually } = opened();
    const { handle, experiment } = await beginUnderWay(name);
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow();
    await temporalWorkflow('reset', '--workflow-id', name, '--type', 'FirstWorkflowTask');
    await completesEqually(name, experiment);
  });
}
