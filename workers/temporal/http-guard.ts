import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { BlockList, isIP, isIPv4 } from 'node:net';
import { errorMessage } from '../../common/errors.js';

/**
 * All our HTTP servers use this guard. A page in a browser can send requests to every port of its machine. A
 * page can also read the answers, if its own name was changed to an address of that machine (DNS rebinding).
 * So every request has to name us by one of our names, and must not come from a page of another site.
 */
export interface GuardedServerOptions {
  /** The IP address to listen on. */
  readonly host: string;
  /** 0 is any free port. */
  readonly port: number;
  /** Names and addresses of this server besides those of `isOwnName`; in lower case. */
  readonly names: readonly string[];
  /** `read` allows GET and HEAD only. */
  readonly methods: 'read' | 'any';
  /** Answers the requests that the guard lets in. */
  readonly answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;
}

export interface GuardedServer {
  readonly port: number;
  close(): Promise<void>;
}

export type GuardRules = Pick<GuardedServerOptions, 'host' | 'names' | 'methods'>;

export interface Refusal {
  readonly status: 400 | 403 | 405;
  readonly error: string;
}

/**
 * Tells a browser that no other site may embed, load or open the answer, and that its type is the declared
 * one.
 */
export const GUARD_HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'same-origin',
} as const;

/** A web UI's requests have 15,000 characters of query and more; Node's own limit is 16 KiB. */
export const HEADER_BYTES = 128 * 1024;

/**
 * Each connection takes a descriptor of this process, and any program of the machine may open connections; a
 * browser opens six.
 */
const MOST_CONNECTIONS = 200;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Rejects with the error of `listen` if the port is not available. */
export async function serveGuarded(options: GuardedServerOptions): Promise<GuardedServer> {
  const server = createServer({ maxHeaderSize: HEADER_BYTES }, (request, response) => {
    for (const [name, value] of Object.entries(GUARD_HEADERS)) response.setHeader(name, value);
    const refusal = refusalOf(request, options);
    if (refusal === null) {
      void answerOrFail(options, request, response);
      return;
    }
    if (refusal.status === 405) response.setHeader('allow', 'GET, HEAD');
    sendJson(response, refusal.status, { error: refusal.error });
  });
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    // The listener stays. Without it, a connection that fails for want of descriptors would end the process.
    server.on('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return {
    port: address.port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answerOrFail(
  { answer }: GuardedServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    await answer(request, response);
  } catch (error) {
    if (response.headersSent) response.destroy();
    else sendJson(response, 500, { error: errorMessage(error) });
  }
}

export function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

/** Why the guard refuses a request; null if it lets it in. */
export function refusalOf(
  { method = '', headers }: Pick<IncomingMessage, 'method' | 'headers'>,
  rules: GuardRules,
): Refusal | null {
  const name = nameOf(headers.host);
  if (name === null) return { status: 400, error: 'the Host header is missing, or is none' };
  if (!isOwnName(name, rules)) {
    return {
      status: 403,
      error: `this is not ${name}: ask for localhost, or let this name in by PANIC_TDA_HTTP_NAMES`,
    };
  }
  const reads = method === 'GET' || method === 'HEAD';
  if (isOfOtherSite(headers, reads)) {
    return { status: 403, error: 'a page of another site sent this request' };
  }
  if (rules.methods === 'read' && !reads) {
    return { status: 405, error: `${method} is not answered here; GET is` };
  }
  return null;
}

/** The name or address of a Host header, without its port; null if the header is no such name. */
function nameOf(host: string | undefined): string | null {
  const found = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host ?? '');
  const name = found?.[1] ?? found?.[2];
  return name === undefined ? null : name.toLowerCase().replace(/\.$/, '');
}

/**
 * Accepts `localhost`, addresses of the loopback interface, and the names that the user gave. If we listen on
 * another address than loopback, it accepts every IP address: behind a published port or a virtual address of
 * a cluster we cannot know which is ours, and a page cannot change an address as it can a name. On loopback
 * it refuses other addresses, since no browser sends them here.
 */
function isOwnName(name: string, { host, names }: GuardRules): boolean {
  if (name === 'localhost' || names.includes(name)) return true;
  return isIP(name) !== 0 && (isLoopback(name) || !isLoopback(host));
}

export function isLoopback(address: string): boolean {
  return LOOPBACK.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

/**
 * Judges by `Origin`, which browsers send with every request that could change something and every one that a
 * script of another site reads, and by `Sec-Fetch-Site`, which they send to `localhost` and loopback
 * addresses. Programs send neither. A user may follow a link from another site: that page sees nothing of
 * what it opens.
 */
function isOfOtherSite(headers: IncomingMessage['headers'], reads: boolean): boolean {
  const { host = '', origin } = headers;
  if (origin !== undefined && !isOriginOf(origin, host)) return true;
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return false;
  const isFollowedLink = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  return !(reads && isFollowedLink);
}

function isOriginOf(origin: string, host: string): boolean {
  const scheme = /^https?:\/\//.exec(origin)?.[0];
  if (scheme === undefined || !URL.canParse(origin) || !URL.canParse(`${scheme}${host}`)) return false;
  return new URL(origin).host === new URL(`${scheme}${host}`).host;
}
