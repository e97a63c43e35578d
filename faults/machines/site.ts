import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { runWorkflowId } from '../../workflows/names.js';
import type { Host } from './machine.js';
import type { Records } from './records.js';

const { PENDING_ACTIVITY_STATE_STARTED } = proto.temporal.api.enums.v1.PendingActivityState;

/** Everything that events happen to, while an experiment is under way. */
export interface Site {
  /** Postgres, the Temporal server and the object store. */
  readonly server: Host;
  readonly gpuA: Host;
  readonly gpuB: Host;
  /** Workflows, book-keeping and diagrams. */
  readonly cpu: Host;
  readonly client: Client;
  readonly records: Records;
  readonly experiment: string;
  /** Runs that are open at a time. */
  readonly concurrency: number;
  readonly cutMs: number;
}

/** The runs that have begun and are not at their end. */
export async function runsUnderWay({ records }: Site): Promise<number[]> {
  const steps = await records.steps();
  return [...steps].filter(([, { made, ended }]) => made > 0 && !ended).map(([run]) => run);
}

/** Runs that are not at their end, begun or not. */
export async function runsLeft({ records }: Site): Promise<number> {
  return [...(await records.steps()).values()].filter(({ ended }) => !ended).length;
}

/** The runs that the worker which now runs on this host is at work on, as far as Temporal knows. */
export async function runsOn(site: Site, host: Host): Promise<number[]> {
  const found: number[] = [];
  // What waits for its next attempt has the identity of the last one; and to the open polls of a worker that died with its
  // cable the server gives work for up to a minute.
  const identity = `${host.pidOf('worker')}@${host.network.name}`;
  for (const run of await runsUnderWay(site)) {
    const handle = site.client.workflow.getHandle(runWorkflowId(site.experiment, run));
    const { raw } = await handle.describe();
    const here = (raw.pendingActivities ?? []).some(({ state, lastWorkerIdentity }) => {
      return state === PENDING_ACTIVITY_STATE_STARTED && lastWorkerIdentity?.startsWith(identity);
    });
    if (here) found.push(run);
  }
  return found;
}
