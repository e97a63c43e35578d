import type { Connection } from '@temporalio/client';
import { readRunInfo } from '../../workers/settings/data-folder.js';
import { configuredTemporal } from '../../workers/settings/temporal.js';
import { ensureSearchAttributes, unindexedText } from '../../workers/temporal/search-attributes.js';
import { namespaceRemarks } from '../../workers/temporal/namespace-remarks.js';
import {
  connectionProblem,
  type Namespace,
  requireNamespace,
} from '../../workers/temporal/service-problems.js';
import type { Context } from '../context.js';
import { note } from '../terminal/output.js';
import { connect, sessionOver } from './connection.js';
import type { Session } from './connection.js';

/**
 * Opens the service that the user configured, whose workers run already; or else starts our own server and
 * workers for this experiment. `devices` says in `status` where these compute. `signal` also ends their start.
 */
export async function openSession(
  context: Context,
  experiment: string,
  devices: readonly string[],
  signal: AbortSignal,
): Promise<Session> {
  const configured = await openConfiguredSession(prepareNamespace);
  if (configured !== null) return configured;
  const { openEmbeddedSession } = await import('./embedded.js');
  return await openEmbeddedSession(context, experiment, devices, signal);
}

/**
 * The service that runs now: the configured one, or the embedded one of a `run` in this data folder. Starts
 * nothing.
 */
export async function findSession(context: Context): Promise<Session | null> {
  const configured = await openConfiguredSession();
  if (configured !== null) return configured;
  const running = readRunInfo(context.folder);
  if (running?.temporalAddress === undefined) return null;
  const address = running.temporalAddress;
  const open = await connect(
    { address },
    running.namespace ?? 'default',
    () =>
      `process ${running.pid} runs experiments in ${context.folder.root}, but its Temporal server at ${address} does not answer; try again in a moment`,
  );
  return sessionOver(open, {
    address,
    uiAddress: running.uiAddress ?? null,
    embedded: true,
    stop: open.close,
  });
}

/** The configured service, or null if none is configured. */
async function openConfiguredSession(
  prepare?: (connection: Connection, namespace: string, described: Namespace | null) => Promise<void>,
): Promise<Session | null> {
  const configured = configuredTemporal();
  if (configured === undefined) return null;
  const { connectionOptions, namespace = 'default' } = configured;
  const address = connectionOptions.address ?? 'the configured address';
  const open = await connect(connectionOptions, namespace, (error) =>
    connectionProblem(error, connectionOptions, namespace),
  );
  try {
    const described = await requireNamespace(open.connection, address, namespace, 'may be hidden');
    await prepare?.(open.connection, namespace, described);
  } catch (error) {
    await open.close();
    throw error;
  }
  return sessionOver(open, { address, uiAddress: null, embedded: false, stop: open.close });
}

/** Makes the search attributes. Otherwise a worker makes them, but none may have started yet. */
async function prepareNamespace(
  connection: Connection,
  namespace: string,
  described: Namespace | null,
): Promise<void> {
  for (const remark of described === null ? [] : namespaceRemarks(namespace, described))
    note(`Warning: ${remark}.`);
  const indexing = await ensureSearchAttributes(connection, namespace);
  if (indexing.missing.length > 0) note(`Warning: ${unindexedText(namespace, indexing)}.`);
}
