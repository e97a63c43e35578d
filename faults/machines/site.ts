import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { runWorkflowId } from '../../workflows/names.js';
import type { Host } from './machine.js';
import type { Records } from './records.js';

const { PENDING_ACTIVITY_STATE_STARTED } = proto.temporal.api.enums.v1.PendingActivityState;

/** What events act on while an experiment is under way. */
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

/** The runs that have begun and not ended. */
export async function runsUnderWay({ records }: Site): Promise<number[]> {
  const steps = await records.steps();
  return [...steps].filter(([, { made, ended }]) => made > 0 && !ended).map(([run]) => run);
}

/** Runs that have not ended, begun or not. */
export async function runsLeft({ records }: Site): Promise<number> {
  return [...(await records.steps()).values()].filter(({ ended }) => !ended).length;
}

/** The runs on which the present worker of this host works, as far as Temporal knows. */
export async function runsOn(site: Site, host: Host): Promise<number[]> {
  const found: number[] = [];
  // The process id is part of the comparison for two reasons. An activity that waits for its next attempt has
  // the identity of the last one. And the server gives work to the open polls of a worker that died with its
  // cable for up to a minute.
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
