import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { PanicError } from '../experiment/errors.js';

/** A Temporal service to run experiments on, and workers that serve it. */
export interface Session {
  readonly client: Client;
  /** host:port of the service. */
  readonly address: string;
  /** Address of the web UI, where it is the embedded server's. */
  readonly uiAddress: string | null;
  readonly embedded: boolean;
  stop(): Promise<void>;
}

export interface OpenConnection {
  readonly client: Client;
  readonly connection: Connection;
  readonly close: () => Promise<void>;
}

/** @throws PanicError InvalidInput with the sentence `noAnswer` where nothing answers within five seconds. */
export async function connect(
  options: Parameters<typeof Connection.connect>[0],
  namespace: string,
  noAnswer: string,
): Promise<OpenConnection> {
  const retries = stoppableRetries();
  try {
    const connection = await Connection.connect({
      connectTimeout: '5s',
      ...options,
      interceptors: [retries.interceptor],
    });
    const close = async (): Promise<void> => {
      await retries.stop();
      await connection.close();
    };
    return { client: new Client({ connection, namespace }), connection, close };
  } catch (error) {
    throw new PanicError('InvalidInput', noAnswer, { cause: error });
  }
}

export function noAnswerFrom(address: string): string {
  return `the Temporal service at ${address} does not answer; check TEMPORAL_ADDRESS, or unset it to use the embedded server`;
}

/**
 * The client's own retries, which can be stopped: a retry that comes due after its connection was closed throws from a
 * timer, where nobody can catch it (lib/grpc-retry.js of @temporalio/client 1.24).
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
  /** Resolves when no retry is due any more. Most often that is at once; at most it takes the five seconds of one delay. */
  async function stop(): Promise<void> {
    stopped = true;
    const waitMs = lastDue - performance.now();
    if (waitMs > -MARGIN_MS) await sleep(waitMs + MARGIN_MS);
  }
  return { interceptor, stop };
}

/** Timers may fire late. */
const MARGIN_MS = 100;
