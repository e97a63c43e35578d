import { Context } from '@temporalio/activity';

const HEARTBEAT_INTERVAL_MS = 1000;

/**
 * Sends heartbeats from a timer during the work, so that the server does not take a long model call for a dead
 * worker. Each heartbeat carries the result of `details`, which the web UI shows. Work shorter than the
 * interval sends none, which costs the server nothing.
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
