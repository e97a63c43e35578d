import { ApplicationFailure, Context } from '@temporalio/activity';
import { hostname } from 'node:os';
import type { WorkFailure } from '../workflows/contract.js';

const SHORTEST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 600_000;

/**
 * What a worker does for an activity that it does not know: the workflow has code of another version. It fails the attempt, as the SDK
 * would, and says when the next one begins: after a tenth of the time that the activity has waited, up to ten minutes, so that its thousand
 * attempts last for a week. By the retry policy of the workflows (workflows/activities.ts) they would be over in half an hour, and
 * the run would fail.
 */
export async function unknownActivity(): Promise<never> {
  const { activityType, scheduledTimestampMs } = Context.current().info;
  const waited = Date.now() - scheduledTimestampMs;
  throw ApplicationFailure.create({
    type: 'UnknownActivity' satisfies WorkFailure,
    message: `worker on ${hostname()}: its version has no activity ${activityType}; the workflow was gone on with by workers of another version, and waits for them`,
    nextRetryDelay: Math.min(Math.max(SHORTEST_PAUSE_MS, waited / 10), LONGEST_PAUSE_MS),
  });
}
