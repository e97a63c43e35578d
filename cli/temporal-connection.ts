import type { Client } from '@temporalio/client';
import { PanicError } from '../experiment/errors.js';
import { openClient } from '../workers/temporal-client.js';
import type { OpenClient } from '../workers/temporal-client.js';

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

/** @throws PanicError InvalidInput with the sentence `noAnswer` where nothing answers within five seconds. */
export async function connect(
  options: Parameters<typeof openClient>[0],
  namespace: string,
  noAnswer: string,
): Promise<OpenClient> {
  try {
    return await openClient({ connectTimeout: '5s', ...options }, namespace);
  } catch (error) {
    throw new PanicError('InvalidInput', noAnswer, { cause: error });
  }
}

export function noAnswerFrom(address: string): string {
  return `the Temporal service at ${address} does not answer; check TEMPORAL_ADDRESS, or unset it to use the embedded server`;
}
