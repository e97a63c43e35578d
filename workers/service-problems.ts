import type { ConnectionLike } from '@temporalio/client';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { errorMessage, PanicError } from '../experiment/errors.js';

type ConnectionOptions = ClientConnectConfig['connectionOptions'];

/** Codes of gRPC (https://grpc.io/docs/guides/status-codes/). */
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
const UNAUTHENTICATED = 16;
const UNIMPLEMENTED = 12;
const HIDING: ReadonlySet<number> = new Set([PERMISSION_DENIED, UNIMPLEMENTED]);

/** A service that does not answer, or refuses. It may do better later, unlike other requests that are wrong. */
export class ServiceProblem extends PanicError {
  constructor(message: string, cause: unknown) {
    super('InvalidInput', message, { cause });
  }
}

/** The gRPC status that an error, or a cause of it, carries. */
export function grpcStatus(error: unknown): { readonly code: number; readonly details: string } | null {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && typeof cause.code === 'number') {
      const details = 'details' in cause && typeof cause.details === 'string' ? cause.details : '';
      return { code: cause.code, details: details === '' ? cause.message : details };
    }
  }
  return null;
}

/**
 * Looks whether a service that answers lets this process work in a namespace. One that `may be hidden` is taken to be there where the
 * service does not let this process look: a user may be allowed to start workflows in a namespace, and not to look at it.
 * @throws ServiceProblem where the namespace is not there, or the service refuses; any other error as it is.
 */
export async function requireNamespace(
  { workflowService }: Pick<ConnectionLike, 'workflowService'>,
  address: string,
  namespace: string,
  sight: 'may be hidden' | 'must be seen' = 'must be seen',
): Promise<void> {
  try {
    await workflowService.describeNamespace({ namespace });
  } catch (error) {
    if (sight === 'may be hidden' && HIDING.has(grpcStatus(error)?.code ?? 0)) return;
    const refused = refusal(error, address, namespace);
    throw refused === null ? error : new ServiceProblem(refused, error);
  }
}

/** Why a service that answered refuses, as a sentence without its full stop; null where it refuses nothing. */
export function refusal(error: unknown, address: string, namespace: string): string | null {
  const status = grpcStatus(error);
  if (status === null) return null;
  switch (status.code) {
    case NOT_FOUND:
      return (
        `the Temporal service at ${address} has no namespace "${namespace}" (${status.details}); check TEMPORAL_NAMESPACE, ` +
        `or make it with "temporal operator namespace create --namespace ${namespace}"`
      );
    case PERMISSION_DENIED:
      return `the Temporal service at ${address} does not let this process work in the namespace "${namespace}" (${status.details}); give its API key or certificate the right to read and to write there`;
    case UNAUTHENTICATED:
      return `the Temporal service at ${address} does not take the credentials of this process (${status.details}); check TEMPORAL_API_KEY, which may have expired, or the client certificate`;
    default:
      return null;
  }
}

/** Why a service could not be connected to, as a sentence without its full stop. Asks at its address what answers there. */
export async function connectionProblem(
  error: unknown,
  options: ConnectionOptions,
  namespace: string,
): Promise<string> {
  const address = options.address ?? 'the configured address';
  const refused = refusal(error, address, namespace);
  if (refused !== null) return refused;
  const silent = `the Temporal service at ${address} does not answer`;
  const advice = 'check TEMPORAL_ADDRESS, or unset it to use the embedded server';
  const url = URL.canParse(`tcp://${address}`) ? new URL(`tcp://${address}`) : null;
  if (url === null) return `${silent}; ${advice} (it has no address of the form host:port)`;
  const unreachable = await reach(url);
  if (unreachable !== null) return `${silent}; ${advice} (${unreachable})`;
  const tls = tlsOf(options);
  if (tls === null) {
    const why = 'a program listens there, which wants TLS or is no Temporal service';
    return `${silent}; check TEMPORAL_ADDRESS and TEMPORAL_TLS (${why})`;
  }
  const why = (await reachOverTls(url, tls)) ?? BEHIND_TLS;
  return `${silent} over TLS; check TEMPORAL_ADDRESS and the variables TEMPORAL_TLS_... (${why})`;
}

const BEHIND_TLS =
  'TLS connects, but what answers is no Temporal service, or closes the connection, as where a client certificate is missing';

interface Tls {
  readonly serverNameOverride?: string;
  readonly serverRootCACertificate?: Uint8Array;
  readonly clientCertPair?: { readonly crt: Uint8Array; readonly key: Uint8Array };
}

/** Null where the connection is not over TLS; an API key asks for it, as Temporal's clients have it. */
function tlsOf({ tls, apiKey }: ConnectionOptions): Tls | null {
  if (tls === true || ((tls === undefined || tls === null) && apiKey !== undefined)) return {};
  return tls === undefined || tls === null || tls === false ? null : tls;
}

const REACH_WITHIN_MS = 3000;

/** Null where a socket connects, or what it says instead. */
function reach({ hostname, port }: URL): Promise<string | null> {
  return outcomeOf(connect(Number(port), withoutBrackets(hostname)), 'connect');
}

function reachOverTls({ hostname, port }: URL, tls: Tls): Promise<string | null> {
  const host = withoutBrackets(hostname);
  const { serverNameOverride, serverRootCACertificate: ca, clientCertPair: pair } = tls;
  const socket = connectTls({
    host,
    port: Number(port),
    // The name that a certificate is for; addresses have none.
    ...(serverNameOverride === undefined && isIP(host) !== 0
      ? {}
      : { servername: serverNameOverride ?? host }),
    ALPNProtocols: ['h2'],
    ...(ca === undefined ? {} : { ca: Buffer.from(ca) }),
    ...(pair === undefined ? {} : { cert: Buffer.from(pair.crt), key: Buffer.from(pair.key) }),
  });
  return outcomeOf(socket, 'secureConnect');
}

function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

async function outcomeOf(socket: Socket, connected: 'connect' | 'secureConnect'): Promise<string | null> {
  return await new Promise<string | null>((resolve) => {
    socket.once(connected, () => resolve(null));
    socket.setTimeout(REACH_WITHIN_MS, () => resolve(`nothing came back within ${REACH_WITHIN_MS / 1000} s`));
    socket.on('error', (error) => resolve(reasonOf(error)));
    socket.on('close', () => resolve('it closed the connection'));
  }).finally(() => socket.destroy());
}

/** OpenSSL's own words without its place in the code. */
function reasonOf(error: Error): string {
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : errorMessage(error);
}
