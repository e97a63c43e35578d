import { ApplicationFailure, Context } from '@temporalio/activity';
import { hostname } from 'node:os';
import type { WorkFailure } from '../workflows/contract.js';

const SHORTEST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 600_000;

/**
 * Answers for an activity that this worker does not know, since the workflow runs code of another version. It
 * fails the attempt, as the SDK would. It also says when the next attempt begins: after a tenth of the time
 * that the activity has waited, at most ten minutes. So the thousand attempts last for a week. By the retry
 * policy of the workflows (workflows/activities.ts) they would last for half an hour, and then the run would
 * fail.
 */
export async function unknownActivity(): Promise<never> {
  const { activityType, scheduledTimestampMs } = Context.current().info;
  const waited = Date.now() - scheduledTimestampMs;
  throw ApplicationFailure.create({
    type: 'UnknownActivity' satisfies WorkFailure,
    message: `worker on ${hostname()}: its version has no activity ${activityType}; workers of another version continued the workflow, and it waits for such a worker`,
    nextRetryDelay: Math.min(Math.max(SHORTEST_PAUSE_MS, waited / 10), LONGEST_PAUSE_MS),
  });
}
