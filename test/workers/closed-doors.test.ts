import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from '@temporalio/client';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PORTS_CLOSED_TO_BROWSERS } from '../../workers/temporal/hidden-ports.js';
import type { TemporalServer } from '../../workers/temporal/server.js';
import { httpRequest, type HttpAnswer } from '../support/http-request.js';
import { listeningSockets } from '../support/listening.js';
import { toldWhy } from '../support/mounts.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { startServer, webUiAnswers, withConnection, workflowStatus } from '../support/temporal-servers.js';

/**
 * What a page of another site, and a page whose name was changed to an address of this machine, can do at the
 * ports of a real server.
 */

const PROMPT = 'a prompt that is not for pages';
const VICTIM = 'experiment-victim';

let server: TemporalServer;
let folder: string;
let lackingPorts: string[];
beforeAll(async () => {
  folder = sharedTemporaryFolder();
  ({ server, lackingPorts } = await startServer(folder));
  await withConnection(server, async (connection) => {
    await new Client({ connection }).workflow.start('waits', {
      taskQueue: 'without-workers',
      workflowId: VICTIM,
      args: [PROMPT],
    });
  });
});
afterAll(async () => await server.stop());

/** The address of one of the server's parts, from its log. */
function addressOf(part: 'HTTP' | 'UI' | 'Metrics'): URL {
  const log = readFileSync(join(folder, 'temporal.log'), 'utf8');
  const [, address = ''] = new RegExp(`^Temporal ${part}: +(?:http://)?(\\S+)`, 'm').exec(log) ?? [];
  return new URL(`http://${address}`);
}

/**
 * Requests that a browser sends without asking first: those of a form or a blind fetch, and those of a
 * rebound page.
 */
const AS_BROWSER = [
  { title: 'a blind POST', headers: { origin: 'https://evil.example', 'content-type': 'text/plain' } },
  {
    title: 'a blind POST that the browser marks as one',
    headers: {
      origin: 'https://evil.example',
      'content-type': 'text/plain',
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'no-cors',
      'sec-fetch-dest': 'empty',
    },
  },
  { title: 'a POST from a sandboxed frame', headers: { origin: 'null', 'content-type': 'text/plain' } },
  {
    title: 'a POST from a rebound name',
    headers: {
      host: 'evil.example',
      origin: 'http://evil.example',
      'content-type': 'application/json',
      'sec-fetch-site': 'same-origin',
    },
  },
  { title: 'a POST that has only a rebound name', headers: { host: 'evil.example' } },
] as const;

const START = `/api/v1/namespaces/default/workflows/evil`;
const STARTED = JSON.stringify({ workflowType: { name: 'experiment' }, taskQueue: { name: 'panic-tda' } });
const TERMINATE = `/api/v1/namespaces/default/workflows/${VICTIM}/terminate`;
const HISTORY = `/api/v1/namespaces/default/workflows/${VICTIM}/history`;

async function nothingWasDone(): Promise<void> {
  expect(await workflowStatus(server, VICTIM)).toBe('RUNNING');
  await expect(workflowStatus(server, 'evil')).rejects.toThrow(/not found/);
}

describe.each(AS_BROWSER)('$title', ({ headers }) => {
  test('starts, ends and reads nothing by the web UI', async () => {
    for (const [path, body] of [
      [START, STARTED],
      [TERMINATE, '{}'],
    ] as const) {
      const answer = await httpRequest(`${server.uiAddress}${path}`, { method: 'POST', headers, body });
      expect(answer.status).toBe(403);
    }
    const read = await httpRequest(`${server.uiAddress}${HISTORY}`, { headers });
    expect(read).toMatchObject({ status: 403, body: expect.not.stringContaining(payload()) });
    await nothingWasDone();
  });

  test('starts, ends and reads nothing by the HTTP API', async () => {
    const { port } = addressOf('HTTP');
    for (const host of [headers, { ...headers, host: `localhost:${port}` }, { ...headers, host: '' }]) {
      for (const [path, body] of [
        [START, STARTED],
        [TERMINATE, '{}'],
      ] as const) {
        const url = `http://127.0.0.1:${port}${path}`;
        expect((await httpRequest(url, { method: 'POST', headers: host, body })).status).toBe(403);
      }
      const read = await httpRequest(`http://127.0.0.1:${port}${HISTORY}`, { headers: host });
      expect(read).toMatchObject({ status: 403, body: expect.not.stringContaining(payload()) });
    }
    await nothingWasDone();
  });
});

/** The prompt as histories contain it. */
function payload(): string {
  return Buffer.from(JSON.stringify(PROMPT)).toString('base64');
}

test('parts that check no Host listen at ports that browsers do not open', () => {
  if (lackingPorts.length > 0) {
    process.stderr.write(`not looked at: ${lackingPorts.join(' ')}\n`);
    return;
  }
  for (const part of ['HTTP', 'UI', 'Metrics'] as const) {
    // `URL` leaves out only the port of HTTP itself.
    expect([part, PORTS_CLOSED_TO_BROWSERS.includes(Number(addressOf(part).port))]).toEqual([part, true]);
  }
});

const linux = process.platform === 'linux';
const onLinux = linux ? test : test.skip;
onLinux(toldWhy('all other ports give a browser no answer', linux, 'it needs /proc'), async () => {
  const known = (['HTTP', 'UI', 'Metrics'] as const).map((part) => Number(addressOf(part).port));
  const others = listeningSockets(server.pid!).filter(({ port }) => !known.includes(port));
  // gRPC: the frontend, history, matching and the internal worker.
  expect(others).toHaveLength(4);
  for (const { port } of others) {
    for (const method of ['GET', 'POST']) {
      const asked = httpRequest(`http://127.0.0.1:${port}${START}`, {
        method,
        headers: AS_BROWSER[0].headers,
      });
      await expect(asked).rejects.toThrow(/Parse Error|socket hang up|ECONNRESET/);
    }
  }
  await nothingWasDone();
});

test('a user sees workflows in the web UI, and ends one', async () => {
  await webUiAnswers(server);
  const ui = server.uiAddress!;
  const own = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' };
  const page = await httpRequest(ui, {
    headers: { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
  });
  expect(page).toMatchObject({ status: 200, body: expect.stringMatching(/<!doctype html>/i) });
  const scripts = [...page.body.matchAll(/href="(\/_app\/[^"]+\.js)"/g)].map(([, path]) => path);
  expect(scripts.length).toBeGreaterThan(0);
  for (const path of scripts) {
    expect((await httpRequest(`${ui}${path}`, { headers: own })).headers['content-type']).toMatch(
      /javascript/,
    );
  }
  const history = await httpRequest(`${ui}${HISTORY}`, { headers: own });
  expect(history).toMatchObject({ status: 200, body: expect.stringContaining(payload()) });
  const [cookie = ''] = cookiesOf(history);
  const ended = await httpRequest(`${ui}${TERMINATE}`, {
    method: 'POST',
    headers: {
      ...own,
      cookie,
      origin: ui,
      'x-csrf-token': cookie.split('=')[1]!,
      'content-type': 'text/plain',
    },
    body: JSON.stringify({ reason: 'by hand' }),
  });
  expect(ended).toMatchObject({ status: 200 });
  expect(await workflowStatus(server, VICTIM)).toBe('TERMINATED');
});

function cookiesOf({ headers }: HttpAnswer): string[] {
  return (headers['set-cookie'] ?? []).map((cookie) => cookie.split(';')[0]!);
}
