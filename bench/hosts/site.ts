import type { Client } from '@temporalio/client';
import { runWorkflowId } from '../../workflows/names.js';
import type { Host } from './host.js';
import type { Records } from './records.js';

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

/** The runs whose activity a worker on this host has begun and not reported. */
export async function runsOn(site: Site, host: Host): Promise<number[]> {
  const found: number[] = [];
  for (const run of await runsUnderWay(site)) {
    const handle = site.client.workflow.getHandle(runWorkflowId(site.experiment, run));
    const { raw } = await handle.describe();
    // Workers are known to Temporal as pid@hostname.
    const here = (raw.pendingActivities ?? []).some(({ lastWorkerIdentity, lastStartedTime }) => {
      return lastStartedTime !== null && lastWorkerIdentity?.includes(host.network.name) === true;
    });
    if (here) found.push(run);
  }
  return found;
}
