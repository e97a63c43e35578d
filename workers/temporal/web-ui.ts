import {
  request as send,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { pipeline } from 'node:stream/promises';
import { errorCode } from '../../common/error-code.js';
import type { Place } from './hidden-ports.js';
import { GUARD_HEADERS, HEADER_BYTES, serveGuarded, type GuardedServer } from './http-guard.js';

export interface WebUiOptions {
  /** The address for people. */
  readonly host: string;
  /** 0 is any free port. */
  readonly port: number;
  readonly names: readonly string[];
  /**
   * Where Temporal's own UI is now, which checks no Host header; null while it is not running. Called for
   * each request.
   */
  readonly ui: () => Place | null;
}

/**
 * Headers that belong to one connection. Our connection to the UI does not share them with the browser's (RFC
 * 9110, section 7.6.1).
 */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Serves Temporal's web UI behind the guard, and hands on every request that the guard lets in. The UI needs
 * no WebSocket.
 */
export async function serveWebUi({ ui, ...options }: WebUiOptions): Promise<GuardedServer> {
  return await serveGuarded({
    ...options,
    methods: 'any',
    answer: async (request, response) => await handOn(request, response, ui()),
  });
}

async function handOn(request: IncomingMessage, response: ServerResponse, ui: Place | null): Promise<void> {
  const path = request.url ?? '';
  if (!path.startsWith('/')) {
    response.writeHead(400, { 'content-type': 'text/plain' }).end('The request names no path.\n');
    return;
  }
  if (ui === null) {
    sayUnavailable(response, 'it was not started');
    return;
  }
  try {
    const answer = await ask(request, response, path, ui);
    response.writeHead(answer.statusCode ?? 502, headersOfAnswer(answer.headers));
    await pipeline(answer, response);
  } catch (error) {
    if (response.headersSent || response.destroyed) response.destroy();
    else sayUnavailable(response, error);
  }
}

async function ask(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  { host, port }: Place,
): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    // Each request has its own connection, since a kept one may belong to a server that is gone.
    const asked = send({
      host,
      port,
      path,
      agent: false,
      method: request.method,
      headers: { ...withoutHops(request.headers), ...framingOf(request.headers) },
      maxHeaderSize: HEADER_BYTES,
    });
    asked.once('response', resolve);
    asked.once('error', reject);
    response.once('close', () => asked.destroy());
    pipeline(request, asked).catch(reject);
  });
}

function withoutHops(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name) && !named.includes(name)),
  );
}

/**
 * Marks a body that comes without its length. Otherwise Node would send the body of a GET or DELETE as if it
 * were the next request.
 */
function framingOf(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return headers['transfer-encoding'] === undefined ? {} : { 'transfer-encoding': 'chunked' };
}

/**
 * Drops the UI's CORS headers, which would let pages of configured sites read the answer, and adds those of
 * the guard.
 */
function headersOfAnswer(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const own = Object.entries(withoutHops(headers)).filter(([name]) => !name.startsWith('access-control-'));
  return { ...Object.fromEntries(own), ...GUARD_HEADERS };
}

/** The server is starting again, or has given up. A page that was being opened asks again by itself. */
function sayUnavailable(response: ServerResponse, error: unknown): void {
  response.writeHead(503, { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '1', refresh: '1' });
  response.end(`Temporal's web UI does not answer now (${errorCode(error) ?? String(error)}).\n`);
}
