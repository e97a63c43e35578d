import { afterAll, afterEach, beforeEach, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describerAt, send, startModelServer } from '../support/model-server.js';
import { createServer, type IncomingMessage } from 'node:http';
import { cleanUp, folderWith, panicTda } from '../support/cli-process.js';
import { withWorker } from '../support/resumed.js';
import { runCommand } from '../support/standing-program.js';
import { portOf } from '../support/port-of.js';

let server: Awaited<ReturnType<typeof startModelServer>>;
beforeEach(async () => {
  server = await startModelServer();
});
afterEach(() => server.close());
afterAll(cleanUp);

const KEY = 'sk-live/9fQ+2b"7x&Lq_0w';
const TOLD = '(PANIC_TDA_SERVER_API_KEY not shown)';
/** Forms of the key. Each is enough to use it. */
const FORMS = [
  KEY,
  JSON.stringify(KEY).slice(1, -1),
  encodeURIComponent(KEY),
  Buffer.from(`:${KEY}`).toString('base64').slice(4, -4),
];

const experiment = {
  networks: [['ProceduralPainter', 'ServedDescriber']],
  prompts: ['a red barn beside a lake'],
  seeds: [7],
  embedding_models: ['HashedNgram'],
  max_length: 4,
};

function laboratory() {
  const models = [describerAt(server.base, 'image')];
  const folder = folderWith({ 'catalogue.json': { models }, 'experiment.json': experiment });
  const env = { PANIC_TDA_CATALOGUE: join(folder, 'catalogue.json'), PANIC_TDA_SERVER_API_KEY: KEY };
  return { folder, env };
}

/** Every file below a folder, with its bytes as Latin-1. */
function filesBelow(folder: string): { readonly name: string; readonly text: string }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => ({ name, text: readFileSync(join(parentPath, name), 'latin1') }));
}

function expectNoKey(texts: readonly string[]): void {
  for (const text of texts) for (const form of FORMS) expect(text.includes(form)).toBe(false);
}

test('a server that repeats its request in an error puts the key nowhere: screen, rows, history, logs', async () => {
  const { folder, env } = laboratory();
  server.interfere(({ path, key }, response) => {
    if (path === '/v1/models') return false;
    const sent = String(key);
    const encoded = encodeURIComponent(sent);
    const basic = Buffer.from(`user:${KEY}`).toString('base64');
    // The program cuts messages within the last of them.
    const cut = `${'.'.repeat(90)}${sent}`;
    send(response, 400, { error: { message: `${sent} ${encoded} Basic ${basic}`, cut } });
    return true;
  });
  const run = await panicTda(folder, ['run', 'experiment.json'], env);
  expect(run.code).toBe(1);
  expect(run.stdout).toContain(TOLD);
  const told = [run.stdout, run.stderr];
  for (const args of [['status'], ['show'], ['status', '--json'], ['show', '--json'], ['doctor', '--json']]) {
    const { stdout, stderr } = await runCommand(folder, args, env);
    told.push(stdout, stderr);
  }
  expectNoKey(told);

  const files = filesBelow(join(folder, 'panic-tda-data'));
  expectNoKey(files.map(({ text }) => text));
  // The rows and Temporal's history hold the message.
  const holding = files.filter(({ text }) => text.includes(TOLD)).map(({ name }) => name);
  expect(holding).toContainEqual(expect.stringMatching(/^panic-tda\.sqlite/));
  expect(holding).toContainEqual(expect.stringMatching(/^temporal.*(sqlite|db)/));
});

test('a server that is asked before anything starts puts the key into no message of plan, doctor and run', async () => {
  const { folder, env } = laboratory();
  server.interfere(({ key }, response) => {
    send(response, 200, { data: [{ id: `not ${String(key)}` }] });
    return true;
  });
  const told: string[] = [];
  for (const args of [
    ['run', 'experiment.json'],
    ['plan', 'experiment.json'],
    ['doctor'],
    ['doctor', '--json'],
  ]) {
    const { stdout, stderr } = await runCommand(folder, args, env);
    expect(stdout + stderr).toContain(TOLD);
    told.push(stdout, stderr);
  }
  expectNoKey(told);
});

test('a caption that holds the key is not stored', async () => {
  const { folder, env } = laboratory();
  server.interfere(({ path, key }, response) => {
    if (path === '/v1/models') return false;
    send(response, 200, {
      choices: [{ finish_reason: 'stop', message: { content: `I was sent ${String(key)}` } }],
    });
    return true;
  });
  const run = await withWorker(join(folder, 'panic-tda-data'), ['run', 'experiment.json'], env);
  expect(run.code).toBe(1);
  expect(run.stdout).toMatch(
    /ModelOutputInvalid: .*repeated a secret in its caption \(PANIC_TDA_SERVER_API_KEY\)/,
  );
  expectNoKey([
    run.stdout,
    run.stderr,
    // The log of the worker is among them. The variables of the test itself are not.
    ...filesBelow(folder).map(({ text }) => text),
  ]);
});

/** A server that answers every request with what it received, in each form that a program may give it. */
async function withEcho(
  answer: (request: IncomingMessage) => { status: number; headers?: Record<string, string>; body?: string },
  use: (base: string) => Promise<void>,
): Promise<void> {
  const echo = createServer((request, response) => {
    request.resume();
    const { status, headers = {}, body = '' } = answer(request);
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  try {
    await use(`http://127.0.0.1:${portOf(echo)}`);
  } finally {
    echo.closeAllConnections();
    await new Promise((resolve) => echo.close(resolve));
  }
}

function refuseAsHub({ headers }: IncomingMessage) {
  return { status: 403, headers: { 'x-error-message': String(headers.authorization) } };
}

function refuseAsStore({ headers }: IncomingMessage) {
  return {
    status: 400,
    headers: { 'content-type': 'application/xml' },
    body: `<Error><Code>Odd</Code><Message>sent ${String(headers['x-amz-security-token'])}</Message></Error>`,
  };
}

const TOKEN = 'hf_QwErTy0123456789+/x';

test('a hub that repeats the token in its message puts it onto no screen', async () => {
  const folder = folderWith();
  await withEcho(refuseAsHub, async (base) => {
    const env = { HF_ENDPOINT: base, HF_TOKEN: TOKEN, PANIC_TDA_MODELS: folder };
    for (const more of [[], ['--json']]) {
      const pull = await runCommand(folder, ['models', 'pull', 'SDTurbo', ...more], env);
      expect(pull.code).not.toBe(0);
      expect(pull.stdout + pull.stderr).toContain('(HF_TOKEN not shown)');
      expect(pull.stdout + pull.stderr).not.toContain(TOKEN);
    }
  });
});

test('an object store that repeats the session token puts it onto no screen', async () => {
  const folder = folderWith({
    'experiment.json': { ...experiment, networks: [['ProceduralPainter', 'ProceduralDescriber']] },
  });
  await withEcho(refuseAsStore, async (base) => {
    const env = {
      PANIC_TDA_OBJECTS: 's3://pictures',
      AWS_ENDPOINT_URL_S3: base,
      AWS_ACCESS_KEY_ID: 'user',
      AWS_SECRET_ACCESS_KEY: 'not-sent-0123456789',
      AWS_SESSION_TOKEN: TOKEN,
    };
    const run = await runCommand(folder, ['run', 'experiment.json', '--json'], env);
    expect(run.code).not.toBe(0);
    expect(run.stdout + run.stderr).toContain('(AWS_SESSION_TOKEN not shown)');
    expect(run.stdout + run.stderr).not.toContain(TOKEN);
  });
});
