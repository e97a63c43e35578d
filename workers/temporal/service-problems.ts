import type { ConnectionLike } from '@temporalio/client';
import type proto from '@temporalio/proto';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { X509Certificate } from 'node:crypto';
import { assertNever, errorMessage, PanicError } from '../../common/errors.js';
import { type Found, serviceUrl, tlsOf, whatAnswers } from './what-answers.js';

type ConnectionOptions = ClientConnectConfig['connectionOptions'];

/** Codes of gRPC (https://grpc.io/docs/guides/status-codes/). */
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
const UNAUTHENTICATED = 16;
const UNIMPLEMENTED = 12;
const HIDING: ReadonlySet<number> = new Set([PERMISSION_DENIED, UNIMPLEMENTED]);

/** What a service reports of a namespace. */
export type Namespace = proto.temporal.api.workflowservice.v1.IDescribeNamespaceResponse;

/** Whether a service withholds an answer: it does not let this process ask, or has no such method. */
export function isHidden(error: unknown): boolean {
  return hides(grpcStatus(error)?.code ?? 0);
}

/** The same for a status code of gRPC. */
export function hides(code: number): boolean {
  return HIDING.has(code);
}

/**
 * A service that does not answer, or refuses. Unlike other invalid input, the same request may succeed later.
 */
export class ServiceProblem extends PanicError {
  constructor(message: string, cause: unknown) {
    super('InvalidInput', message, { cause });
  }
}

/** The gRPC status of an error or of one of its causes. */
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
 * Checks that a service lets this process work in a namespace. With `may be hidden`, a namespace that this
 * process may not look at counts as existing: a user may be allowed to start workflows in it, and not to look
 * at it. Returns what the service reports of the namespace; null if it is hidden.
 * @throws ServiceProblem if the namespace does not exist, or the service refuses; any other error as it is.
 */
export async function requireNamespace(
  { workflowService }: Pick<ConnectionLike, 'workflowService'>,
  address: string,
  namespace: string,
  sight: 'may be hidden' | 'must be seen' = 'must be seen',
): Promise<Namespace | null> {
  try {
    return await workflowService.describeNamespace({ namespace });
  } catch (error) {
    if (sight === 'may be hidden' && isHidden(error)) return null;
    const refused = refusal(error, address, namespace);
    throw refused === null ? error : new ServiceProblem(refused, error);
  }
}

/** Why a service that answered refuses, as a sentence without its full stop; null if it refuses nothing. */
export function refusal(error: unknown, address: string, namespace: string): string | null {
  const status = grpcStatus(error);
  return status === null ? null : refusalText(status, address, namespace);
}

function refusalText(
  status: { readonly code: number; readonly details: string },
  address: string,
  namespace: string,
): string | null {
  switch (status.code) {
    case NOT_FOUND:
      return (
        `the Temporal service at ${address} has no namespace "${namespace}" (${status.details}); check TEMPORAL_NAMESPACE, ` +
        `or make it with "temporal operator namespace create --namespace ${namespace} --retention 720h"`
      );
    case PERMISSION_DENIED:
      return `the Temporal service at ${address} does not let this process work in the namespace "${namespace}" (${status.details}); give its API key or certificate the right to read and to write there`;
    case UNAUTHENTICATED:
      return `the Temporal service at ${address} does not take the credentials of this process (${status.details}); check TEMPORAL_API_KEY, which may have expired, or the client certificate`;
    default:
      return null;
  }
}

/**
 * Why a service could not be connected to, as a sentence without its full stop. Asks what answers at its
 * address.
 */
export async function connectionProblem(
  error: unknown,
  options: ConnectionOptions,
  namespace: string,
): Promise<string> {
  const address = options.address ?? 'the configured address';
  const refused = refusal(error, address, namespace);
  if (refused !== null) return refused;
  const url = serviceUrl(options);
  if (url === null) {
    return `the address "${address}" of the Temporal service has not the form HOST:PORT; correct TEMPORAL_ADDRESS`;
  }
  return foundText(await whatAnswers(url, options), { address, url, options, namespace, error });
}

interface Asked {
  readonly address: string;
  readonly url: URL;
  readonly options: ConnectionOptions;
  readonly namespace: string;
  readonly error: unknown;
}

const EMBEDDED = 'unset TEMPORAL_ADDRESS where "run" is to start its own server';
const OTHER_PORT =
  'correct the port of TEMPORAL_ADDRESS (7233 unless the operator of the service chose another; 8233 and 8080 are those of its web UI)';

/** What answers where the service should be, and the remedy. */
function foundText(found: Found, { address, url, options, namespace, error }: Asked): string {
  const service = `the Temporal service at ${address}`;
  switch (found.kind) {
    case 'unknown host':
      return `the host name ${url.hostname} of the Temporal service has no address (${found.why}); correct TEMPORAL_ADDRESS, or ${EMBEDDED}`;
    case 'refused':
      return `nothing listens at ${address}, where the Temporal service should be (${found.why}); start the service, correct TEMPORAL_ADDRESS, or ${EMBEDDED}`;
    case 'dropped':
      return `no answer comes from ${address}, where the Temporal service should be (${found.why}): a firewall drops the connection, or the machine is off; let this machine through to that port, or correct TEMPORAL_ADDRESS`;
    case 'unreachable':
      return `this machine cannot reach ${address}, where the Temporal service should be (${found.why}); check its network, or correct TEMPORAL_ADDRESS`;
    case 'silent':
      return `a program at ${address} takes the connection and does not answer (${found.why}): the Temporal service there hangs or is starting, or it is another program; try again, look at the log of the service, or correct TEMPORAL_ADDRESS`;
    case 'other program':
      return `what answers at ${address} is no Temporal service: ${found.what}; ${OTHER_PORT}`;
    case 'wants TLS':
      return `${service} wants TLS, and this process connects without it; set TEMPORAL_TLS=true (and TEMPORAL_TLS_SERVER_CA_CERT_PATH where the service has a certificate authority of its own)`;
    case 'takes no TLS':
      return `${service} takes no TLS, and this process connects with it; ${
        options.apiKey === undefined
          ? 'unset TEMPORAL_TLS and the other variables TEMPORAL_TLS_...'
          : 'an API key alone asks for TLS: unset TEMPORAL_API_KEY and the variables TEMPORAL_TLS_...'
      }, or correct the port of TEMPORAL_ADDRESS`;
    case 'unknown authority':
      return `this process does not know the authority "${found.issuer}" that signed the certificate of ${service} (${found.why}); name a file with the certificate of that authority by TEMPORAL_TLS_SERVER_CA_CERT_PATH`;
    case 'other name':
      return `the certificate of ${service} is for ${found.names}, and not for ${found.wanted}; give one of its names in TEMPORAL_TLS_SERVER_NAME, or correct TEMPORAL_ADDRESS`;
    case 'not valid now':
      return `the certificate of ${service} is valid from ${found.from} to ${found.to}, and not now (${found.why}); its operator has to renew it, unless the clock of this machine is wrong`;
    case 'bad certificate':
      return `TLS with ${service} fails (${found.why}); compare the variables TEMPORAL_TLS_... with what the operator of the service says`;
    case 'wants a client certificate':
      return `${service} wants a client certificate, and this process has none (${found.why}); name one and its key by TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH`;
    case 'refuses the client certificate':
      return `${service} does not take the client certificate of this process (${found.why})${expiredText(options)}; get one from the authority that the service trusts, and name it by TEMPORAL_TLS_CLIENT_CERT_PATH with its key by TEMPORAL_TLS_CLIENT_KEY_PATH`;
    case 'own certificate unusable':
      return `the files of the variables TEMPORAL_TLS_... cannot be used (${found.why}): they must hold certificates and keys as PEM, and TEMPORAL_TLS_CLIENT_KEY_PATH the key of TEMPORAL_TLS_CLIENT_CERT_PATH`;
    case 'answers':
      return (
        refusalText(found, address, namespace) ??
        `${service} could not be connected to (${errorMessage(error)}), and answers now; try again`
      );
    default:
      return assertNever(found);
  }
}

/** A remark if this process's own client certificate is not valid now. */
function expiredText(options: ConnectionOptions): string {
  const crt = tlsOf(options)?.clientCertPair?.crt;
  if (crt === undefined) return '';
  const { validFrom, validTo } = new X509Certificate(crt);
  const now = Date.now();
  if (Date.parse(validFrom) <= now && now <= Date.parse(validTo)) return '';
  return `: it is valid from ${validFrom} to ${validTo}, and not now`;
}
