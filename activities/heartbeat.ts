import { Context } from '@temporalio/activity';

const HEARTBEAT_INTERVAL_MS = 1000;

/**
 * Heartbeats from a timer while the work goes on, so that a long model call is not mistaken for a dead worker. `details`
 * is asked at each beat; it shows in the web UI. Work shorter than the interval sends none, which costs the server nothing.
 */
export async function whileHeartbeating<T>(details: () => unknown, work: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(details()), HEARTBEAT_INTERVAL_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
