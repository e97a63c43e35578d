import type { Client } from '@temporalio/client';
import type { DriverService, StorePlace } from '../db/index.js';
import { PanicError } from '../experiment/errors.js';
import { identifyService } from '../workers/service.js';
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
  /** Which service it is, for those rows. */
  identify(rows: Pick<StorePlace, 'folder' | 'database'>): Promise<DriverService>;
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

/** A session of an open client. */
export function sessionOver(
  { client, connection }: Pick<OpenClient, 'client' | 'connection'>,
  rest: Omit<Session, 'client' | 'identify'>,
): Session {
  return {
    ...rest,
    client,
    identify: (rows) => identifyService(connection, rest.address, client.options.namespace, rows),
  };
}
