import type { BlockedWorkflows } from '../../workers/temporal/blocked-workflows.js';
import { isoTime, plural } from '../terminal/format.js';

/** What `--json` prints of workflows that wait for a worker with other code. */
export interface BlockedDocument {
  readonly runs: number;
  /** Workflows of experiments and of shards. */
  readonly others: number;
  /** Whether there may be more. */
  readonly atLeast: boolean;
  /** One of these workflows, the worker that could not continue it, and why. */
  readonly workflowId: string;
  readonly worker: string;
  readonly reason: string;
  readonly since: string | null;
}

export function blockedDocument({ example, ...counts }: BlockedWorkflows): BlockedDocument {
  return { ...counts, ...example, since: isoTime(example.since) };
}

/** Says what waits, for what, and what an operator can do: a sentence without its full stop. */
export function blockedText({ runs, others, atLeast, example }: BlockedWorkflows): string {
  const { workflowId, worker, reason } = example;
  const counts = [
    ...(runs === 0 ? [] : [plural(runs, 'run')]),
    ...(others === 0 ? [] : [plural(others, 'experiment workflow')]),
  ].join(' and ');
  const [wait, they, begin] =
    runs + others === 1 ? ['waits', 'it', 'it goes on'] : ['wait', 'they', 'they go on'];
  return (
    `${atLeast ? 'at least ' : ''}${counts} ${wait} for a worker with the code that ${they} began with: worker ${worker} could not go on with ${workflowId} (${reason}). ` +
    `Nothing of this has failed, and ${begin} once such a worker is there (docs/workers.md, "Code that does not fit")`
  );
}
