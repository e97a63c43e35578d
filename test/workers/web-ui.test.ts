import { afterEach, expect, test } from '@jest/globals';
import {
  createServer,
  request as send,
  type ClientRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { serveWebUi } from '../../workers/temporal/web-ui.js';
import type { GuardedServer } from '../../workers/temporal/http-guard.js';
import { httpRequest } from '../support/http-request.js';
import { until } from '../support/child-processes.js';
import { portOf } from '../support/port-of.js';

/** The guard before a UI of the tests, which shows the requests that reach it. */

let guard: GuardedServer | null = null;
const servers: Server[] = [];
afterEach(async () => {
  await guard?.close();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function startUi(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  port = 0,
): Promise<number> {
  const server = createServer({ maxHeaderSize: 2 ** 20 }, answer);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  servers.push(server);
  return portOf(server);
}

async function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    request.once('response', resolve).once('error', reject);
  });
}

async function guardBefore(port: number | null): Promise<string> {
  guard = await serveWebUi({
    host: '127.0.0.1',
    port: 0,
    names: ['gpu-1.lan'],
    ui: () => (port === null ? null : { host: '127.0.0.1', port }),
  });
  return `http://127.0.0.1:${guard.port}`;
}

/** Answers with the request that it got. */
async function mirror(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request);
  const { method, url, headers } = request;
  response.writeHead(201, {
    'content-type': 'application/json',
    'set-cookie': ['a=1', 'b=2'],
    'access-control-allow-origin': '*',
    'x-frame-options': 'ALLOWALL',
    'x-own': 'kept',
  });
  response.end(JSON.stringify({ method, url, headers, body }));
}

test('hands on method, path, query, headers and body, and gives back status, headers and body', async () => {
  const address = await guardBefore(await startUi((request, response) => void mirror(request, response)));
  const long = 'x'.repeat(60_000);
  const answer = await httpRequest(`${address}/a%2Fb/../c?q=${long}`, {
    method: 'PUT',
    headers: {
      host: 'gpu-1.lan',
      'x-asked': 'this',
      connection: 'x-hop',
      'x-hop': 'not handed on',
      te: 'trailers',
    },
    body: 'the body',
  });
  expect(answer.status).toBe(201);
  expect(JSON.parse(answer.body)).toEqual({
    method: 'PUT',
    url: `/c?q=${long}`,
    headers: expect.objectContaining({ host: 'gpu-1.lan', 'x-asked': 'this', 'content-length': '8' }),
    body: 'the body',
  });
  expect(answer.body).not.toMatch(/x-hop|trailers/);
  expect(answer.headers).toMatchObject({
    'set-cookie': ['a=1', 'b=2'],
    'x-own': 'kept',
    'x-frame-options': 'SAMEORIGIN',
  });
  expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
});

test.each(['DELETE', 'GET', 'OPTIONS', 'POST'])(
  'hands on the body of a %s that comes without its length as a body, and not as a request of its own',
  async (method) => {
    const asked: string[] = [];
    const address = await guardBefore(
      await startUi((request, response) => {
        asked.push(request.url ?? '');
        void mirror(request, response);
      }),
    );
    const request = send(`${address}/first`, {
      method,
      agent: false,
      headers: { 'transfer-encoding': 'chunked' },
    });
    const body = 'GET /second HTTP/1.1\r\nHost: evil.example\r\n\r\n';
    request.end(body);
    const answer = await answerTo(request);
    expect(JSON.parse(await text(answer))).toMatchObject({ method, url: '/first', body });
    expect(asked).toEqual(['/first']);
  },
);

test('lets through no request of another site or name', async () => {
  let asked = 0;
  const address = await guardBefore(
    await startUi((_, response) => {
      asked++;
      response.end();
    }),
  );
  for (const headers of [
    { host: 'evil.example' },
    { origin: 'http://evil.example' },
    { 'sec-fetch-site': 'cross-site' },
  ]) {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      expect((await httpRequest(address, { method, headers })).status).toBe(403);
    }
  }
  expect(asked).toBe(0);
});

test('passes on what comes piece by piece, in both directions', async () => {
  const address = await guardBefore(
    await startUi((request, response) => {
      response.writeHead(200);
      request.pipe(response);
    }),
  );
  const request = send(address, { method: 'POST', agent: false });
  request.write('first');
  const answer = await answerTo(request);
  answer.setEncoding('utf8');
  // Each piece arrives before the next one is sent.
  const pieces: string[] = [];
  for await (const piece of answer as AsyncIterable<string>) {
    pieces.push(piece);
    if (!request.writableEnded) request.end('second');
  }
  expect(pieces).toEqual(['first', 'second']);
});

test('ends its own request when the browser gives up', async () => {
  let given = false;
  const address = await guardBefore(
    await startUi((request, response) => {
      response.writeHead(200).write('begun');
      request.once('close', () => (given = true));
    }),
  );
  const request = send(address, { agent: false }).end();
  await once(request, 'response');
  request.once('error', () => undefined).destroy();
  await until('the UI hears of it', () => given);
});

test('reports that the UI is away, and serves it again at the same address when it is back', async () => {
  const port = await startUi((_, response) => response.end('the UI'));
  const address = await guardBefore(port);
  const [ui] = servers.splice(0);
  ui!.closeAllConnections();
  await new Promise((resolve) => ui!.close(resolve));
  const away = await httpRequest(address);
  expect(away).toMatchObject({
    status: 503,
    headers: { refresh: '1' },
    body: expect.stringMatching(/does not answer now/),
  });
  await startUi((_, response) => response.end('the UI again'), port);
  expect(await httpRequest(address)).toMatchObject({ status: 200, body: 'the UI again' });
});

test('ends an answer where the UI does', async () => {
  const address = await guardBefore(
    await startUi((_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half of it');
      setImmediate(() => response.destroy());
    }),
  );
  await expect(httpRequest(address)).rejects.toThrow(/aborted|hang up/);
});

test('answers that there is no UI if none was started', async () => {
  expect((await httpRequest(await guardBefore(null))).status).toBe(503);
});
