import type { ClientConnectConfig } from '@temporalio/envconfig';
import { request } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { errorCode } from '../../common/error-code.js';
import { errorMessage } from '../../common/errors.js';
import { NothingCameBack, unaryCall, type UnaryAnswer } from './unary-call.js';

type ConnectionOptions = ClientConnectConfig['connectionOptions'];

/** What is at the address of a service that a client could not connect to. */
export type Found =
  | { readonly kind: 'unknown host'; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'dropped'; readonly why: string }
  | { readonly kind: 'unreachable'; readonly why: string }
  /** It takes the connection, then says nothing or ends it. */
  | { readonly kind: 'silent'; readonly why: string }
  | { readonly kind: 'other program'; readonly what: string }
  | { readonly kind: 'wants TLS' }
  | { readonly kind: 'takes no TLS' }
  | { readonly kind: 'unknown authority'; readonly issuer: string; readonly why: string }
  | { readonly kind: 'other name'; readonly wanted: string; readonly names: string }
  | { readonly kind: 'not valid now'; readonly from: string; readonly to: string; readonly why: string }
  | { readonly kind: 'bad certificate'; readonly why: string }
  | { readonly kind: 'wants a client certificate'; readonly why: string }
  | { readonly kind: 'refuses the client certificate'; readonly why: string }
  | { readonly kind: 'own certificate unusable'; readonly why: string }
  /** A gRPC service, with the status of its answer. */
  | { readonly kind: 'answers'; readonly code: number; readonly details: string };

interface Tls {
  readonly serverNameOverride?: string;
  readonly serverRootCACertificate?: Uint8Array;
  readonly clientCertPair?: { readonly crt: Uint8Array; readonly key: Uint8Array };
}

const WITHIN_MS = 3000;
const SYSTEM_INFO = '/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo';

/** Null if the connection does not use TLS. An API key requires TLS, as in Temporal's clients. */
export function tlsOf({ tls, apiKey }: ConnectionOptions): Tls | null {
  if (tls === true || ((tls === undefined || tls === null) && apiKey !== undefined)) return {};
  return tls === undefined || tls === null || tls === false ? null : tls;
}

/**
 * Looks at `url` step by step: its host, its port, TLS with its certificates, and a gRPC service behind them.
 */
export async function whatAnswers(url: URL, options: ConnectionOptions): Promise<Found> {
  const unreached = await connectedTo(url).then(ended, unreachedBecause);
  if (unreached !== null) return unreached;
  const tls = tlsOf(options);
  return tls === null ? await whatAnswersPlain(url, options) : await whatAnswersTls(url, tls, options);
}

/**
 * Calls a method that Temporal's client for TypeScript lacks. Rejects if nothing answers, or a certificate
 * cannot be trusted. `path` is `/package.Service/Method`; `message` is encoded by protobuf.
 */
export async function callService(
  options: ConnectionOptions,
  path: string,
  message: Buffer,
): Promise<UnaryAnswer> {
  const url = serviceUrl(options);
  if (url === null) throw new Error(`${options.address} is no address`);
  const tls = tlsOf(options);
  if (tls === null) return await ask(await connectedTo(url), url, options, path, message);
  const socket = await connectedOverTls(url, tls);
  if (!socket.authorized) {
    socket.destroy();
    throw new Error(String(socket.authorizationError));
  }
  return await ask(socket, url, options, path, message);
}

/** The port of Temporal's clients for an address without one. */
const DEFAULT_PORT = '7233';

/** Null if the address has another form than HOST:PORT or HOST. */
export function serviceUrl({ address = '127.0.0.1' }: ConnectionOptions): URL | null {
  if (!URL.canParse(`tcp://${address}`)) return null;
  const url = new URL(`tcp://${address}`);
  if (url.port === '') url.port = DEFAULT_PORT;
  return url;
}

function ended(socket: Socket): null {
  socket.destroy();
  return null;
}

const UNKNOWN_HOST: ReadonlySet<string> = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_NONAME', 'EAI_FAIL']);

function unreachedBecause(error: unknown): Found {
  const code = errorCode(error) ?? '';
  const why = code === '' ? errorMessage(error) : code;
  if (UNKNOWN_HOST.has(code)) return { kind: 'unknown host', why };
  if (code === 'ECONNREFUSED') return { kind: 'refused', why };
  if (code === 'ETIMEDOUT' || error instanceof NothingCameBack) {
    return { kind: 'dropped', why: errorMessage(error) };
  }
  return { kind: 'unreachable', why };
}

async function whatAnswersPlain(url: URL, options: ConnectionOptions): Promise<Found> {
  const asked = await ask(await connectedTo(url), url, options).catch((error: unknown) => error);
  if (isAnswer(asked)) return answerFound(asked);
  const [tls, http, postgres] = await Promise.all([speaksTls(url), speaksHttp(url), isPostgres(url)]);
  if (postgres) return { kind: 'other program', what: 'a Postgres server' };
  if (tls) return { kind: 'wants TLS' };
  if (http !== null) return { kind: 'other program', what: http };
  if (asked instanceof NothingCameBack) return { kind: 'silent', why: asked.message };
  return { kind: 'other program', what: `a program that does not speak gRPC (${reasonOf(asked)})` };
}

async function whatAnswersTls(url: URL, tls: Tls, options: ConnectionOptions): Promise<Found> {
  let socket: TLSSocket;
  try {
    socket = await connectedOverTls(url, tls);
  } catch (error) {
    return await brokenHandshake(error, url, tls);
  }
  if (!socket.authorized) {
    const found = untrusted(socket, url, tls);
    socket.destroy();
    return found;
  }
  try {
    return answerFound(await ask(socket, url, options));
  } catch (error) {
    // With TLS 1.3 a server checks the client's certificate after the handshake.
    return refusedCertificate(error, tls) ?? afterHandshake(error, tls);
  }
}

function afterHandshake(error: unknown, tls: Tls): Found {
  const why = reasonOf(error);
  if (error instanceof NothingCameBack) return { kind: 'silent', why };
  // A server may end the connection without a reason.
  return tls.clientCertPair === undefined
    ? { kind: 'wants a client certificate', why: `it ended the connection: ${why}` }
    : { kind: 'refuses the client certificate', why: `it ended the connection: ${why}` };
}

async function brokenHandshake(error: unknown, url: URL, tls: Tls): Promise<Found> {
  if (error instanceof OwnCertificate) return { kind: 'own certificate unusable', why: error.message };
  const refused = refusedCertificate(error, tls);
  if (refused !== null) return refused;
  if (error instanceof NothingCameBack) return { kind: 'silent', why: error.message };
  if (isAlert(error)) return { kind: 'bad certificate', why: reasonOf(error) };
  const plain = await whatAnswersPlain(url, {});
  return plain.kind === 'answers' ? { kind: 'takes no TLS' } : plain;
}

const ABOUT_CLIENT =
  /ALERT_(?:CERTIFICATE_REQUIRED|UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_\w+|UNSUPPORTED_CERTIFICATE|HANDSHAKE_FAILURE|ACCESS_DENIED|DECRYPT_ERROR)$/;

function isAlert(error: unknown): boolean {
  return /_ALERT_/.test(errorCode(error) ?? '');
}

function refusedCertificate(error: unknown, { clientCertPair }: Tls): Found | null {
  if (!ABOUT_CLIENT.test(errorCode(error) ?? '')) return null;
  const why = reasonOf(error);
  return clientCertPair === undefined
    ? { kind: 'wants a client certificate', why }
    : { kind: 'refuses the client certificate', why };
}

/** Why this process does not accept the certificate of a server. */
function untrusted(socket: TLSSocket, url: URL, tls: Tls): Found {
  const certificate = socket.getPeerCertificate();
  // Node types it as an error, but its value is an error code.
  const why = String(socket.authorizationError);
  switch (why) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return {
        kind: 'other name',
        wanted: tls.serverNameOverride ?? hostOf(url),
        names: certificate.subjectaltname ?? `CN=${String(certificate.subject?.CN)}`,
      };
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return { kind: 'not valid now', from: certificate.valid_from, to: certificate.valid_to, why };
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return { kind: 'unknown authority', issuer: String(certificate.issuer?.CN), why };
    default:
      return { kind: 'bad certificate', why };
  }
}

function ask(
  socket: Socket,
  url: URL,
  { apiKey }: ConnectionOptions,
  path = SYSTEM_INFO,
  message: Buffer = Buffer.alloc(0),
): Promise<UnaryAnswer> {
  return unaryCall(socket, {
    path,
    message,
    authority: url.host,
    secure: 'encrypted' in socket,
    withinMs: WITHIN_MS,
    headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
  });
}

function isAnswer(asked: unknown): asked is UnaryAnswer {
  return typeof asked === 'object' && asked !== null && 'httpStatus' in asked;
}

function answerFound({ grpcStatus, grpcMessage, httpStatus }: UnaryAnswer): Found {
  return grpcStatus === null
    ? { kind: 'other program', what: `an HTTP server, which answers with status ${httpStatus}` }
    : { kind: 'answers', code: grpcStatus, details: grpcMessage };
}

async function speaksTls(url: URL): Promise<boolean> {
  try {
    (await connectedOverTls(url, {})).destroy();
    return true;
  } catch (error) {
    return isAlert(error);
  }
}

/** Describes a server that speaks HTTP/1.1; null for any other. */
async function speaksHttp({ hostname, port }: URL): Promise<string | null> {
  return await new Promise((resolve) => {
    const asking = request({
      host: withoutBrackets(hostname),
      port,
      method: 'HEAD',
      path: '/',
      agent: false,
      timeout: WITHIN_MS,
    });
    asking
      .on('response', (response) => {
        response.resume();
        asking.destroy();
        resolve(`an HTTP server, which answers with status ${response.statusCode}`);
      })
      .on('timeout', () => asking.destroy())
      .on('error', () => resolve(null))
      .on('close', () => resolve(null))
      .end();
  });
}

/**
 * Postgres's request for TLS, which the server answers with one letter
 * (https://www.postgresql.org/docs/current/protocol-flow.html).
 */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

async function isPostgres(url: URL): Promise<boolean> {
  const socket = await connectedTo(url).catch(() => null);
  if (socket === null) return false;
  return await new Promise<boolean>((resolve) => {
    socket
      .on('data', (data: Buffer) => resolve(data.length === 1 && /^[SN]$/.test(data.toString('latin1'))))
      .on('error', () => resolve(false))
      .on('close', () => resolve(false))
      .setTimeout(WITHIN_MS, () => resolve(false))
      .write(SSL_REQUEST);
  }).finally(() => socket.destroy());
}

function connectedTo(url: URL): Promise<Socket> {
  return once(connect(Number(url.port), hostOf(url)), 'connect');
}

/** The certificate and key of this process, or the authority that it was given, cannot be used. */
class OwnCertificate extends Error {}

/** Also connects if the certificate of the server cannot be trusted: `authorized` of the socket says that. */
async function connectedOverTls(url: URL, tls: Tls): Promise<TLSSocket> {
  const { serverNameOverride, serverRootCACertificate: ca, clientCertPair: pair } = tls;
  const host = hostOf(url);
  let socket;
  try {
    socket = connectTls({
      host,
      port: Number(url.port),
      // The name that a certificate has to be for. An IP address has none.
      ...(serverNameOverride === undefined && isIP(host) !== 0
        ? {}
        : { servername: serverNameOverride ?? host }),
      ALPNProtocols: ['h2'],
      rejectUnauthorized: false,
      ...(ca === undefined ? {} : { ca: Buffer.from(ca) }),
      ...(pair === undefined ? {} : { cert: Buffer.from(pair.crt), key: Buffer.from(pair.key) }),
    });
  } catch (error) {
    throw new OwnCertificate(reasonOf(error));
  }
  return await once(socket, 'secureConnect');
}

async function once<S extends Socket>(socket: S, connected: 'connect' | 'secureConnect'): Promise<S> {
  return await new Promise<S>((resolve, reject) => {
    const onTimeout = (): void => {
      socket.destroy();
      reject(new NothingCameBack(WITHIN_MS));
    };
    socket.setTimeout(WITHIN_MS, onTimeout);
    socket.once('error', reject).once('close', () => reject(new Error('it closed the connection')));
    socket.once(connected, () => {
      socket.setTimeout(0, onTimeout);
      resolve(socket);
    });
  });
}

function hostOf({ hostname }: URL): string {
  return withoutBrackets(hostname);
}

function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** OpenSSL's own words without its place in the code. */
function reasonOf(error: unknown): string {
  const told = typeof error === 'object' && error !== null && 'reason' in error ? error.reason : undefined;
  return typeof told === 'string' ? told : errorMessage(error);
}
