import { Client, Connection } from '@temporalio/client';
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

/** @throws PanicError InvalidInput with the sentence `noAnswer` where nothing answers within five seconds. */
export async function connect(
  options: Parameters<typeof Connection.connect>[0],
  namespace: string,
  noAnswer: string,
): Promise<{ client: Client; connection: Connection }> {
  try {
    const connection = await Connection.connect({ connectTimeout: '5s', ...options });
    return { client: new Client({ connection, namespace }), connection };
  } catch (error) {
    throw new PanicError('InvalidInput', noAnswer, { cause: error });
  }
}

export function noAnswerFrom(address: string): string {
  return `the Temporal service at ${address} does not answer; check TEMPORAL_ADDRESS, or unset it to use the embedded server`;
}
