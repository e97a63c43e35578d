import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';

export interface OpenClient {
  readonly client: Client;
  readonly connection: Connection;
  /** Waits for retries that are due, then closes the connection. */
  readonly close: () => Promise<void>;
}

/** A client with a connection of its own, which can be closed while calls are being retried. */
export async function openClient(
  options: Parameters<typeof Connection.connect>[0],
  namespace: string,
  identity?: string,
): Promise<OpenClient> {
  const retries = stoppableRetries();
  const connection = await Connection.connect({ ...options, interceptors: [retries.interceptor] });
  const close = async (): Promise<void> => {
    await retries.stop();
    await connection.close();
  };
  return {
    client: new Client({ connection, namespace, ...(identity === undefined ? {} : { identity }) }),
    connection,
    close,
  };
}

/**
 * The client's own retries, made stoppable. A retry that comes due after its connection was closed throws
 * from a timer, where no caller can catch it (lib/grpc-retry.js of @temporalio/client 1.24).
 */
function stoppableRetries() {
  const usual = defaultGrpcRetryOptions();
  let stopped = false;
  let lastDue = 0;
  const interceptor = makeGrpcRetryInterceptor({
    retryableDecider: (attempt, status) => !stopped && usual.retryableDecider(attempt, status),
    delayFunction: (attempt, status) => {
      const delayMs = usual.delayFunction(attempt, status);
      lastDue = Math.max(lastDue, performance.now() + delayMs);
      return delayMs;
    },
  });
  /**
   * Resolves when no retry is due any more: usually at once, at the latest after one delay of five seconds.
   */
  async function stop(): Promise<void> {
    stopped = true;
    const waitMs = lastDue - performance.now();
    if (waitMs > -MARGIN_MS) await sleep(waitMs + MARGIN_MS);
  }
  return { interceptor, stop };
}

/** Timers may fire late. */
const MARGIN_MS = 100;
