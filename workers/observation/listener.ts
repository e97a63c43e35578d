import type { IncomingMessage, ServerResponse } from 'node:http';
import { PanicError } from '../../common/errors.js';
import { errorCode } from '../../common/error-code.js';
import { sendJson, serveGuarded, type GuardedServer } from '../temporal/http-guard.js';

/** What may be asked of a worker over HTTP, and what it answers. */
export interface Answers {
  /** Whether the process is alive: always, if it can answer. */
  health(): object;
  /** Whether it could do work now: `problems` says why not. */
  readiness(): Promise<object & { readonly problems: readonly string[] }>;
  /** The text format of Prometheus. */
  metrics(): Promise<string>;
}

const LOOPBACK = '127.0.0.1';
const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Answers GET /health, /ready (503 where not) and /metrics at a port of this machine's loopback address, to requests that name it
 * `localhost` or by one of `names`; port 0 is any free one.
 * @throws PanicError `InvalidInput` where the port is taken.
 */
export async function listen(
  port: number,
  names: readonly string[],
  answers: Answers,
): Promise<GuardedServer> {
  try {
    return await serveGuarded({
      host: LOOPBACK,
      port,
      names,
      methods: 'read',
      answer: async (request, response) => await answer(request, response, answers),
    });
  } catch (error) {
    throw refusal(port, error);
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, answers: Answers): Promise<void> {
  const [pathname] = (request.url ?? '/').split('?', 1);
  if (pathname === '/health') sendJson(response, 200, answers.health());
  else if (pathname === '/ready') {
    const readiness = await answers.readiness();
    sendJson(response, readiness.problems.length === 0 ? 200 : 503, readiness);
  } else if (pathname === '/metrics') {
    const text = await answers.metrics();
    response.writeHead(200, { 'content-type': PROMETHEUS }).end(text);
  } else {
    sendJson(response, 404, { error: `there is no ${pathname}; there are /health, /ready and /metrics` });
  }
}

function refusal(port: number, error: unknown): unknown {
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
