import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { keepSecrets } from '../../common/secrets.js';
import {
  refusalOf,
  serveGuarded,
  type GuardedServer,
  type GuardRules,
} from '../../workers/temporal/http-guard.js';
import { httpRequest } from '../support/http-request.js';
import { until } from '../support/child-processes.js';

const RULES: GuardRules = { host: '127.0.0.1', names: [], methods: 'read' };
type Headers = Parameters<typeof refusalOf>[0]['headers'];

function statusOf(headers: Headers, rules: Partial<GuardRules> = {}, method = 'GET'): number {
  return refusalOf({ method, headers }, { ...RULES, ...rules })?.status ?? 200;
}

describe('the Host of a request', () => {
  test.each([
    'localhost',
    'localhost:9464',
    'LOCALHOST:9464',
    'localhost.:9464',
    '127.0.0.1',
    '127.0.0.1:9464',
    '127.9.9.9:9464',
    '[::1]:9464',
    '[::ffff:127.0.0.1]:9464',
  ])('%s is ours', (host) => {
    expect(statusOf({ host })).toBe(200);
  });

  test.each([
    'evil.example',
    'evil.example:9464',
    'localhost.evil.example',
    'evil.localhost',
    '127.0.0.1.evil.example',
    'xn--lcalhost-n9a',
    // Addresses that no browser sends to a loopback address.
    '10.0.0.7:9464',
    '0.0.0.0:9464',
    '[::]:9464',
    '[fe80::1]',
    // Programs take these for 127.0.0.1; browsers rewrite them before they send them.
    '127.1',
    '2130706433',
    '0x7f000001',
  ])('%s is not', (host) => {
    expect(statusOf({ host })).toBe(403);
  });

  test.each([
    undefined,
    '',
    ' ',
    'localhost:',
    'localhost:port',
    'localhost evil.example',
    'evil.example@localhost',
    'localhost/evil',
    '[::1',
    'localhost\n',
    'löcalhost',
  ])('%p is none', (host) => {
    expect(statusOf(host === undefined ? {} : { host })).toBe(400);
  });

  test('may be a name that the user gave, as a whole', () => {
    const names = ['gpu-1.lan', '10.0.0.7'];
    for (const host of ['gpu-1.lan', 'GPU-1.lan:9464', '10.0.0.7:80'])
      expect(statusOf({ host }, { names })).toBe(200);
    for (const host of ['gpu-2.lan', 'a.gpu-1.lan', 'gpu-1.lan.evil.example', '10.0.0.8'])
      expect(statusOf({ host }, { names })).toBe(403);
  });

  test('may be any address, but no name, if we listen beyond loopback', () => {
    for (const listening of ['0.0.0.0', '::', '10.0.0.7']) {
      const rules = { host: listening };
      for (const host of ['10.0.0.7:9464', '172.18.0.3', '[fd00::7]', 'localhost'])
        expect(statusOf({ host }, rules)).toBe(200);
      expect(statusOf({ host: 'evil.example' }, rules)).toBe(403);
    }
  });
});

/** The headers by which browsers say where a request comes from. */
function of(site: string, mode: string, dest: string): Headers {
  return { host: 'localhost:9464', 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest };
}

describe('a page of another site', () => {
  const host = 'localhost:9464';

  test.each([
    'http://evil.example',
    'https://localhost:9465',
    'http://localhost',
    'http://localhost:3000',
    'http://127.0.0.1:9464',
    'null',
    '',
    'file://',
    'chrome-extension://abcdef',
    'http://localhost:9464.evil.example',
    'http://localhost:9464@evil.example',
  ])('is refused by its Origin %p', (origin) => {
    expect(statusOf({ host, origin })).toBe(403);
  });

  test.each([
    ['localhost:9464', 'http://localhost:9464'],
    ['localhost', 'http://localhost'],
    ['localhost:80', 'http://localhost'],
    ['127.0.0.1:9464', 'http://127.0.0.1:9464'],
    ['[::1]:9464', 'http://[::1]:9464'],
    // Behind a proxy of the user that has TLS.
    ['localhost:443', 'https://localhost'],
  ])('is not one of our own: %s from %s', (host, origin) => {
    expect(statusOf({ host, origin })).toBe(200);
  });

  test('is refused by Sec-Fetch-Site, unless a link is followed', () => {
    expect(statusOf(of('none', 'navigate', 'document'))).toBe(200);
    expect(statusOf(of('same-origin', 'cors', 'empty'))).toBe(200);
    expect(statusOf(of('cross-site', 'navigate', 'document'))).toBe(200);
    for (const site of ['cross-site', 'same-site']) {
      for (const [mode, dest] of [
        ['no-cors', 'image'],
        ['no-cors', 'script'],
        ['cors', 'empty'],
        ['navigate', 'iframe'],
        ['navigate', 'embed'],
        ['websocket', 'empty'],
      ] as const) {
        expect(statusOf(of(site, mode, dest))).toBe(403);
      }
      expect(statusOf(of(site, 'navigate', 'document'), { methods: 'any' }, 'POST')).toBe(403);
    }
  });
});

test('a server that only reads refuses requests that write', () => {
  const host = 'localhost';
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']) {
    expect(statusOf({ host }, {}, method)).toBe(405);
    expect(statusOf({ host }, { methods: 'any' }, method)).toBe(200);
  }
  expect(statusOf({ host }, {}, 'HEAD')).toBe(200);
});

const KEY = 'a-key-of-this-test-0123';
keepSecrets([{ name: 'KEY', value: KEY }]);

describe('a guarded server', () => {
  let server: GuardedServer;
  afterEach(async () => await server.close());

  async function serve(methods: 'read' | 'any' = 'read'): Promise<void> {
    server = await serveGuarded({
      host: '127.0.0.1',
      port: 0,
      names: [],
      methods,
      answer: (request, response) => {
        if (request.url === '/fails') throw new Error(`on purpose, with ${KEY}`);
        response.writeHead(200, { 'content-type': 'text/plain' }).end('a secret');
      },
    });
  }

  async function ask(path: string, headers: Record<string, string>, method = 'GET') {
    return await httpRequest(`http://127.0.0.1:${server.port}${path}`, { headers, method });
  }

  /** The server's answer to these bytes. */
  async function answerTo(bytes: string): Promise<string> {
    const socket = connect(server.port, '127.0.0.1');
    socket.write(bytes);
    return await text(socket);
  }

  test('answers nothing to other names, and lets in no other site', async () => {
    await serve();
    const refused = await ask('/', { host: 'evil.example' });
    expect(refused).toMatchObject({ status: 403, body: expect.stringMatching(/not evil\.example/) });
    const letIn = await ask('/', { host: 'localhost' });
    expect(letIn).toMatchObject({ status: 200, body: 'a secret' });
    for (const { headers } of [refused, letIn]) {
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'SAMEORIGIN',
        'cross-origin-resource-policy': 'same-origin',
        'cross-origin-opener-policy': 'same-origin',
      });
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
    expect(await ask('/', { host: 'localhost' }, 'POST')).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD' },
    });
    expect(await ask('/fails', { host: 'localhost' })).toMatchObject({
      status: 500,
      body: '{"error":"on purpose, with (KEY not shown)"}\n',
    });
  });

  test.each([
    ['without a Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['of HTTP/1.0 without a Host', 'GET / HTTP/1.0\r\n\r\n'],
    [
      'with another in its first line',
      'GET http://localhost/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
    ],
    ['with two', 'GET / HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\nConnection: close\r\n\r\n'],
    ['for a tunnel', 'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['that begins HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['of words', 'anything at all\r\n\r\n'],
  ])('does not answer a request %s', async (_title, bytes) => {
    await serve();
    expect(await answerTo(bytes)).toMatch(/^(HTTP\/1\.1 4\d\d [^]*)?$/);
  });

  test('has a bound for connections, beyond which it ends new ones, and answers again when others end', async () => {
    await serve();
    const sockets = Array.from({ length: 250 }, () =>
      connect(server.port, '127.0.0.1').on('error', () => undefined),
    );
    try {
      await Promise.all(sockets.map(async (socket) => await once(socket, 'connect')));
      await until('those beyond the bound are ended', () => sockets.filter(isEnded).length === 50);
      for (const socket of sockets) socket.destroy();
      await until('it answers', async () => {
        const answer = await ask('/', { host: 'localhost' }).catch(() => null);
        return answer?.status === 200;
      });
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });

  test('rejects if its port is taken', async () => {
    await serve();
    const again = serveGuarded({
      host: '127.0.0.1',
      port: server.port,
      names: [],
      methods: 'read',
      answer: () => undefined,
    });
    await expect(again).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

function isEnded(socket: Socket): boolean {
  return socket.destroyed || socket.readableEnded;
}
