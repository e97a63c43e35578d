import type { IncomingMessage, ServerResponse } from 'node:http';
import { PanicError } from '../../common/errors.js';
import { errorCode } from '../../common/error-code.js';
import { sendJson, serveGuarded, type GuardedServer } from '../temporal/http-guard.js';

/** What a worker answers over HTTP. */
export interface Answers {
  /** Whether the process is alive. It is, if it can answer. */
  health(): object;
  /** Whether the worker could work now; `problems` says why not. */
  readiness(): Promise<object & { readonly problems: readonly string[] }>;
  /** In the text format of Prometheus. */
  metrics(): Promise<string>;
}

const LOOPBACK = '127.0.0.1';
const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Answers GET /health, /ready (503 if not ready) and /metrics on this machine's loopback address. A request
 * has to name the host `localhost` or one of `names`. Port 0 is any free port.
 * @throws PanicError `InvalidInput` if the port is taken.
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
