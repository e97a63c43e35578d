import { ApplicationFailure, sleep } from '@temporalio/workflow';
import type { WorkFailure } from './contract.js';

// Redirections are as patient as the retries of an activity, since operators give machines their new routes one
// after another.
const LONGEST_PAUSE_MS = 30_000;
const FIRST_PAUSE_MS = 200;
const MOST_REDIRECTIONS = 150;

/**
 * Counts how often in a row a run was sent to another queue without an advance. One redirection is the ordinary
 * way to a model that another worker serves. More mean that workers disagree about the routes, or that an
 * operator has just changed a route.
 */
export class Redirections {
  private inARow = 0;

  forget(): void {
    this.inARow = 0;
  }

  /** Returns at once the first time, and then waits longer each time. Throws after about an hour. */
  async follow(queue: string | undefined): Promise<void> {
    this.inARow++;
    if (this.inARow > MOST_REDIRECTIONS) {
      throw ApplicationFailure.nonRetryable(
        `the run was sent from queue to queue ${MOST_REDIRECTIONS} times without getting on, at last to ${queue ?? 'the queue without a route'}: ` +
          'workers disagree about the routes of models; give all of them the same',
        'RoutesDisagree' satisfies WorkFailure,
      );
    }
    if (this.inARow === 1) return;
    await sleep(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.inARow - 2)));
  }
}
