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
  /** Where people reach it. */
  readonly host: string;
  /** 0 is any free one. */
  readonly port: number;
  readonly names: readonly string[];
  /** Where Temporal's own UI is now, which checks no Host header; null while it is nowhere. Asked at each request. */
  readonly ui: () => Place | null;
}

/** Of one connection, which ours to the UI does not share with that of the browser (RFC 9110, section 7.6.1). */
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

/** Temporal's web UI behind the guard: whatever the guard lets in is handed on, and the answer given back. It needs no WebSocket. */
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
    // A connection for each request: one that is kept could be of a server that is gone.
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

/** Where a body comes without its length. Without this, Node sends that of a GET or DELETE as if it were the next request. */
function framingOf(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return headers['transfer-encoding'] === undefined ? {} : { 'transfer-encoding': 'chunked' };
}

/** Those of the guard stand; the UI's own answer would let pages of configured sites read it (CORS). */
function headersOfAnswer(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const own = Object.entries(withoutHops(headers)).filter(([name]) => !name.startsWith('access-control-'));
  return { ...Object.fromEntries(own), ...GUARD_HEADERS };
}

/** The server is starting again, or has given up; a page that was being opened asks again by itself. */
function sayUnavailable(response: ServerResponse, error: unknown): void {
  response.writeHead(503, { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '1', refresh: '1' });
  response.end(`Temporal's web UI does not answer now (${errorCode(error) ?? String(error)}).\n`);
}
