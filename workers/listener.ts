import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { PanicError } from '../experiment/errors.js';
import { errorCode } from '../experiment/error-code.js';

/** What may be asked of a worker over HTTP, and what it answers. */
export interface Answers {
  /** Whether the process is alive: always, if it can answer. */
  health(): object;
  /** Whether it could do work now: `problems` says why not. */
  readiness(): Promise<object & { readonly problems: readonly string[] }>;
  /** The text format of Prometheus. */
  metrics(): Promise<string>;
}

export interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Answers GET /health, /ready (503 where not) and /metrics at a port of this machine's loopback address; port 0 is any free one.
 * @throws PanicError `InvalidInput` where the port is taken.
 */
export async function listen(port: number, answers: Answers): Promise<Listener> {
  const server = createServer((request, response) => {
    void answer(request, response, answers);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(refusal(port, error)));
    server.listen(port, LOOPBACK, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return {
    port: address.port,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, answers: Answers): Promise<void> {
  try {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      send(response, 405, { error: `${request.method} is not answered here; GET is` });
      return;
    }
    const { pathname } = new URL(request.url ?? '/', `http://${LOOPBACK}`);
    if (pathname === '/health') send(response, 200, answers.health());
    else if (pathname === '/ready') {
      const readiness = await answers.readiness();
      send(response, readiness.problems.length === 0 ? 200 : 503, readiness);
    } else if (pathname === '/metrics') {
      const text = await answers.metrics();
      response.writeHead(200, { 'content-type': PROMETHEUS }).end(text);
    } else {
      send(response, 404, { error: `there is no ${pathname}; there are /health, /ready and /metrics` });
    }
  } catch (error) {
    send(response, 500, { error: String(error) });
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

function refusal(port: number, error: Error): Error {
  const why = { EADDRINUSE: 'another process has it', EACCES: 'this user may not have it' }[
    errorCode(error) ?? ''
  ];
  return why === undefined
    ? error
    : new PanicError(
        'InvalidInput',
        `--listen ${port}: ${why}; choose another port, or 0 for any that is free`,
        {
          cause: error,
        },
      );
}
