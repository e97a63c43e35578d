import type { WorkflowHandle } from '@temporalio/client';
import { expect } from '@jest/globals';
import type { ExperimentRow } from '../../db/index.js';
import type { experiment as workflow } from '../../workflows/index.js';
import { until } from '../support/child-processes.js';
import { gateIn } from '../support/gate.js';
import type { Gate } from '../support/gate.js';
import { openLaboratory } from '../support/laboratory.js';
import type { Laboratory } from '../support/laboratory.js';
import { digestOf, invocationCount, withStore } from '../support/store-checks.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { undisturbedDigest } from '../support/undisturbed.js';

/** Two runs, which end only after a test has opened the gate. */
export const GATED = {
  networks: [['DummyT2I', 'GatedI2T']],
  prompts: ['a lighthouse in fog', 'two hares on a hill'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 40,
  on_cycle: 'continue',
  reuse: false,
};

type Handle = WorkflowHandle<typeof workflow>;

/**
 * A laboratory whose experiments differ from `GATED` by their names alone. Names are no content, so each of them must
 * have the same content at its end.
 */
export interface GatedLaboratory extends Laboratory {
  readonly gate: Gate;
  /** Starts the experiment of this name. */
  readonly begin: (name: string, workflowId?: string) => Promise<Handle>;
  /** Does the same with a closed gate, and resolves when steps are made. */
  readonly beginUnderWay: (name: string) => Promise<{ readonly handle: Handle; readonly experiment: string }>;
  /** Lets steps through until an activity of the run has ended. */
  readonly untilReported: (experiment: string, index: number) => Promise<void>;
  /**
   * Opens the gate, and expects that the workflow completes the experiment as if nothing had disturbed it.
   */
  readonly completesEqually: (workflowId: string, experiment: string) => Promise<void>;
  readonly experimentRow: (experiment: string) => Promise<ExperimentRow>;
}

export async function openGatedLaboratory(
  env: Readonly<Record<string, string>>,
  maxLength = GATED.max_length,
): Promise<GatedLaboratory> {
  const gated = { ...GATED, max_length: maxLength };
  const gate = gateIn(sharedTemporaryFolder());
  const laboratory = await openLaboratory({ ...gate.env, ...env });
  const { data, client } = laboratory;
  const undisturbed = await undisturbedDigest(gated);
  const begin = (name: string, workflowId = name) => laboratory.start({ ...gated, name }, workflowId);
  const experimentRow = (experiment: string) =>
    withStore(data, ({ experiments }) => experiments.get(experiment));
  return {
    ...laboratory,
    gate,
    begin,
    beginUnderWay: async (name) => {
      gate.close();
      const before = invocationCount(data);
      const handle = await begin(name);
      await until(
        'steps are made',
        gate.lettingThrough(() => invocationCount(data) >= before + 3),
      );
      const { experiment } = await handle.query<{ experiment: string }>('progress');
      return { handle, experiment };
    },
    untilReported: async (experiment, index) => {
      const run = client.workflow.getHandle(`run-${experiment}-${index}`);
      await until(
        'the run shows its network',
        gate.lettingThrough(async () => 'PanicTdaNetwork' in (await run.describe()).searchAttributes),
      );
    },
    completesEqually: async (workflowId, experiment) => {
      gate.open();
      expect(await client.workflow.getHandle(workflowId).result()).toMatchObject({ status: 'completed' });
      expect(await experimentRow(experiment)).toMatchObject({
        status: 'completed',
        pausedAt: null,
        driverWorkflowId: null,
      });
      expect(await digestOf(data, experiment)).toBe(undisturbed);
    },
    experimentRow,
  };
}

/** Like `until`, for a busy machine, which takes many times as long as an idle one. */
export async function patientlyUntil(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  await until(what, condition);
}
