import type { Client } from '@temporalio/client';
import type { DriverService, StorePlace } from '../../db/index.js';
import { PanicError } from '../../common/errors.js';
import { NEVER_ABORTED } from '../../workers/patience.js';
import { missingSearchAttributes, unindexedText } from '../../workers/temporal/search-attributes.js';
import { identifyService } from '../../workers/temporal/service-identity.js';
import { openClient } from '../../workers/temporal/client.js';
import type { OpenClient } from '../../workers/temporal/client.js';

/** A Temporal service to run experiments on, with the workers that serve it. */
export interface Session {
  readonly client: Client;
  /** The service as host:port. */
  readonly address: string;
  /** Address of the web UI of an embedded server. Null for a configured service. */
  readonly uiAddress: string | null;
  readonly embedded: boolean;
  /** Identifies the service, for the rows of this place. */
  identify(rows: Pick<StorePlace, 'folder' | 'database'>): Promise<DriverService>;
  /**
   * Asks the service whether the namespace lacks our search attributes. Returns a sentence if it does, else
   * null.
   */
  unindexed(): Promise<string | null>;
  /**
   * Aborted, with the reason, when the supervisor has given up a process of our own. Such a session does no
   * more work.
   */
  readonly failed: AbortSignal;
  stop(): Promise<void>;
}

type ClientOptions = Parameters<typeof openClient>[0];

/**
 * @throws PanicError `InvalidInput` if the service does not answer within five seconds. `explain` makes the
 * sentence from the error.
 */
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

/** Makes a session from an open client. */
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
