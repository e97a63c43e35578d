import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { errorMessage } from '../../../common/errors.js';
import { commitOf, filesAt, type Hub, openHubFile } from '../../../models/files/hub.js';
import { redirectTarget } from '../../../models/files/redirects.js';
import { portOf } from '../../../workers/processes/free-ports.js';

const COMMIT = 'a'.repeat(40);
const never = new AbortController().signal;

type Answer = (request: IncomingMessage, response: ServerResponse, base: string) => void;
let answer: Answer;
let servers: Server[];
/** The requests to each of two servers, with their tokens. */
let asked: { readonly server: number; readonly path: string; readonly authorization: string | null }[];

beforeEach(async () => {
  asked = [];
  servers = [0, 1].map((server) =>
    createServer((request, response) => {
      asked.push({ server, path: request.url!, authorization: request.headers.authorization ?? null });
      answer(request, response, base(1));
    }),
  );
  await Promise.all(
    servers.map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))),
  );
});
afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

const base = (server: number): string => `http://127.0.0.1:${portOf(servers[server]!)}`;
const hub = (more: Partial<Hub> = {}): Hub => ({ endpoint: base(0), token: 'hf_token', ...more });

async function listFailure(how: Answer, more: Partial<Hub> = {}): Promise<string> {
  answer = how;
  return await filesAt(hub(more), 'owner/name', COMMIT, never).then(
    (files) => `it listed ${files.size} files`,
    errorMessage,
  );
}

async function commitFailure(how: Answer): Promise<string> {
  answer = how;
  return await commitOf(hub(), 'owner/name', 'main', never).then(String, errorMessage);
}

function entry(path: string, more: object = {}): object {
  return { type: 'file', path, size: 1, oid: 'b'.repeat(40), ...more };
}

function listing(entries: readonly object[]): Answer {
  return (_, response) => void response.end(JSON.stringify(entries));
}

describe('a list of files', () => {
  test.each([
    ['a negative size', { size: -1 }],
    ['half a byte', { size: 0.5 }],
    ['more bytes than any file has', { size: 1e300 }],
    ['a negative size of a large file', { lfs: { oid: 'c'.repeat(64), size: -5 } }],
    ['a malformed hash', { oid: '' }],
    ['a malformed hash of a large file', { lfs: { oid: 'c', size: 1 } }],
  ])('with %s is refused', async (_, more) => {
    expect(await listFailure(listing([entry('a.onnx', more)]))).toMatch(
      /does not answer as a model hub does/,
    );
  });

  test('with a file twice is refused, and paths that no catalogue can name are left out', async () => {
    const twice = [entry('a.onnx'), entry('a.onnx', { oid: 'd'.repeat(40) })];
    expect(await listFailure(listing(twice))).toMatch(/it lists "a.onnx" twice/);
    const odd = ['../a', '/etc/passwd', 'a\nb', 'a\u202eb', 'C:/a', 'good.onnx'].map((path) => entry(path));
    answer = listing([...odd, { type: 'directory', path: 'x' }, { type: 'new', some: 'thing' }]);
    expect([...(await filesAt(hub(), 'owner/name', COMMIT, never)).keys()]).toEqual(['good.onnx']);
  });

  test("that is longer than any hub's is not read to its end, even where it is compressed", async () => {
    const packed = gzipSync(Buffer.alloc(2 ** 27, ' '));
    const told = await listFailure((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed);
    });
    expect(told).toMatch(/its answer has more than 16777216 bytes/);
    let sent = 0;
    const endless = await listFailure((_, response) => {
      const push = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(2 ** 20, ' '))) sent += 2 ** 20;
      };
      response.on('drain', push);
      push();
    });
    expect(endless).toMatch(/its answer has more than 16777216 bytes/);
    expect(sent).toBeLessThan(2 ** 27);
  });

  test('with endless pages is refused', async () => {
    const told = await listFailure(({ url }, response) => {
      response.writeHead(200, { link: `<${url}>; rel="next"` }).end('[]');
    });
    expect(told).toMatch(/its list has more than 200 pages/);
    expect(asked).toHaveLength(200);
  });

  test('with more files than any repository has is refused', async () => {
    let page = 0;
    const told = await listFailure((_, response) => {
      const entries = Array.from({ length: 10_000 }, (_, k) => entry(`${page}/${k}`));
      response.writeHead(200, { link: `<?page=${++page}>; rel="next"` }).end(JSON.stringify(entries));
    });
    expect(told).toMatch(/it lists more than 100000 files/);
    expect(asked).toHaveLength(11);
  });

  test('whose next page is on another server is refused, and that server is not asked', async () => {
    const told = await listFailure((_, response, other) => {
      response.writeHead(200, { link: `<${other}/more>; rel="next"` }).end('[]');
    });
    expect(told).toMatch(/its next page "http:.*more" is not its own/);
    expect(asked.map(({ server }) => server)).toEqual([0]);
  });
});

describe('an answer', () => {
  /** Longer than a busy machine delays a local answer. */
  const PATIENCE = { silenceMs: 1000 };

  test('that never comes, stops in the middle, or comes in single bytes, is abandoned', async () => {
    expect(await listFailure(() => undefined, PATIENCE)).toMatch(/no answer within 1 s/);
    const stops = await listFailure((_, response) => void response.write('['), PATIENCE);
    expect(stops).toMatch(/nothing came for 1 s/);
    const drips = await listFailure((_, response) => {
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    }, PATIENCE);
    expect(drips).toMatch(/had no end within 5 s/);
  });

  test('with a malformed commit, or of endless length, is refused', async () => {
    expect(await commitFailure((_, response) => void response.end('{"sha": "../../x"}'))).toMatch(
      /as a model hub does/,
    );
    const long = JSON.stringify({ sha: COMMIT, padding: 'x'.repeat(2 ** 24) });
    expect(await commitFailure((_, response) => void response.end(long))).toMatch(/more than 16777216 bytes/);
  });

  test('that explains a failure in thousands of words is shortened in the message', async () => {
    const told = await listFailure((_, response) => {
      response.writeHead(403, { 'x-error-message': 'word '.repeat(2000) }).end();
    });
    expect(told).toMatch(/The hub says: word word/);
    expect(told.length).toBeLessThan(1000);
  });
});

describe('the place to which an answer leads', () => {
  test('gets no token unless it is the hub', async () => {
    answer = ({ url }, response, other) => {
      if (url === '/there') response.end('bytes');
      else response.writeHead(302, { location: `${other}/there` }).end();
    };
    const opened = await openHubFile(hub(), 'owner/name', COMMIT, 'a.onnx', { from: 0, etag: null }, never);
    expect(await opened.text()).toBe('bytes');
    expect(asked.map(({ server, authorization }) => [server, authorization])).toEqual([
      [0, 'Bearer hf_token'],
      [1, null],
    ]);
  });

  test.each([
    'data:application/json,[]',
    'file:///etc/passwd',
    'ftp://127.0.0.1/',
    'http://',
    'http://user:password@127.0.0.1/',
  ])('is refused: %s', async (location) => {
    expect(await listFailure((_, response) => void response.writeHead(302, { location }).end())).toMatch(
      /not followed/,
    );
  });

  test.each([
    ['https://hub.example/a', 'http://hub.example/a', 'is not encrypted'],
    ['https://hub.example/a', '//cdn.example/b', null],
    ['https://hub.example/a', '/b', null],
    ['https://hub.example/a', 'https://127.0.0.1/', 'is this machine'],
    ['http://mirror.lan/a', 'http://localhost:8500/', 'is this machine'],
    ['http://mirror.lan/a', 'http://LOCALHOST./', 'is this machine'],
    ['http://mirror.lan/a', 'http://2130706433/', 'is this machine'],
    ['http://mirror.lan/a', 'http://0x7f.1/', 'is this machine'],
    ['http://mirror.lan/a', 'http://0.0.0.0/', 'is this machine'],
    ['http://mirror.lan/a', 'http://[::1]/', 'is this machine'],
    ['http://mirror.lan/a', 'http://[::ffff:127.0.0.1]/', 'is this machine'],
    ['http://mirror.lan/a', 'http://[fe80::1]/', 'is this machine'],
    ['http://mirror.lan/a', 'http://169.254.169.254/latest/meta-data', 'is this machine'],
    ['http://mirror.lan/a', 'http://storage.lan/', null],
    ['http://mirror.lan/a', 'https://cdn.example/', null],
    ['http://mirror.lan/a', 'http://10.0.0.7/', null],
    ['http://127.0.0.1:8000/a', 'http://127.0.0.1:9000/', null],
    ['http://localhost:8000/a', 'http://[::1]:9000/', null],
  ])('from %s to %s', (from, to, refused) => {
    const target = redirectTarget(from, to);
    if (refused === null) expect(target).toEqual(new URL(to, from));
    else expect(target).toMatch(refused);
  });
});
