import type { Client } from '@temporalio/client';
import type { DriverService, StorePlace } from '../../db/index.js';
import { PanicError } from '../../common/errors.js';
import { NEVER_ABORTED } from '../../workers/patience.js';
import { missingSearchAttributes, unindexedText } from '../../workers/temporal/search-attributes.js';
import { identifyService } from '../../workers/temporal/service-identity.js';
import { openClient } from '../../workers/temporal/client.js';
import type { OpenClient } from '../../workers/temporal/client.js';

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
  /** A sentence where the namespace lacks our search attributes; null otherwise. Asks the service. */
  unindexed(): Promise<string | null>;
  /** Raised, with the reason, when the processes of a session of our own were given up; such a session does nothing any more. */
  readonly failed: AbortSignal;
  stop(): Promise<void>;
}

type ClientOptions = Parameters<typeof openClient>[0];

/** @throws PanicError InvalidInput where nothing answers within five seconds, with the sentence that `explain` makes of the error. */
export async function connect(
  options: ClientOptions,
  namespace: string,
  explain: (error: unknown) => string | Promise<string>,
): Promise<OpenClient> {
  try {
    return await openClient({ connectTimeout: '5s', ...options }, namespace);
  } catch (error) {
    throw new PanicError('InvalidInput', await explain(error), { cause: error });
  }
}

type SessionParts = Omit<Session, 'client' | 'identify' | 'unindexed' | 'failed'> &
  Partial<Pick<Session, 'failed'>>;

/** A session of an open client. */
export function sessionOver(
  { client, connection }: Pick<OpenClient, 'client' | 'connection'>,
  { failed = NEVER_ABORTED, ...rest }: SessionParts,
): Session {
  const { namespace } = client.options;
  return {
    ...rest,
    failed,
    client,
    unindexed: async () => {
      const missing = await missingSearchAttributes(connection, namespace);
      return missing.length === 0 ? null : unindexedText(namespace, { missing, reason: '' });
    },
    identify: (rows) => identifyService(connection, rest.address, namespace, rows),
  };
}
