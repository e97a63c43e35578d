import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client } from '@temporalio/client';
import { spawn } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { PORTS_CLOSED_TO_BROWSERS } from '../../workers/temporal/hidden-ports.js';
import type { TemporalServer } from '../../workers/temporal/server.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { startServer, webUiAnswers, withConnection, workflowStatus } from '../support/temporal-servers.js';
import { portOf } from '../support/port-of.js';

/** What a real browser shows a user of the web UI, and what it allows pages of other sites. */

const chromium = onPath(['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']);
const withChromium = chromium === undefined ? test.skip : test;
if (chromium === undefined) process.stderr.write('skipped: pages in Chromium, which is not on PATH\n');

const VICTIM = 'experiment-victim';
let server: TemporalServer;
let folder: string;
let lackingPorts: string[];
let site: Server;
/** The page of the other site. */
let page = '';
beforeAll(async () => {
  if (chromium === undefined) return;
  folder = sharedTemporaryFolder();
  ({ server, lackingPorts } = await startServer(folder));
  if (lackingPorts.length > 0) process.stderr.write(`not looked at: ${lackingPorts.join(' ')}\n`);
  await withConnection(server, async (connection) => {
    await new Client({ connection }).workflow.start('waits', {
      taskQueue: 'without-workers',
      workflowId: VICTIM,
    });
  });
  site = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(page));
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  if (chromium === undefined) return;
  await server.stop();
  site.closeAllConnections();
  await new Promise((resolve) => site.close(resolve));
});

function onPath(names: readonly string[]): string | undefined {
  return names
    .flatMap((name) => (process.env['PATH'] ?? '').split(delimiter).map((place) => join(place, name)))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * The page at this URL, after its scripts had ten seconds. Every name of other sites leads to the address.
 */
async function opened(url: string, address = '127.0.0.1'): Promise<string> {
  const child = spawn(
    chromium!,
    [
      '--headless',
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--user-data-dir=${join(folder, 'profile')}`,
      `--host-resolver-rules=MAP *.example ${address}`,
      '--virtual-time-budget=10000',
      '--timeout=60000',
      '--dump-dom',
      url,
    ],
    { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, HOME: folder } },
  );
  try {
    return await text(child.stdout);
  } finally {
    child.kill('SIGKILL');
  }
}

withChromium('the web UI shows workflows at the address that is printed', async () => {
  await webUiAnswers(server);
  const shown = await opened(server.uiAddress!);
  expect(shown).toContain(VICTIM);
});

/** The address of each part of the server, from its log; and those of the guarded UI and of gRPC. */
function targets(): string[] {
  const log = readFileSync(join(folder, 'temporal.log'), 'utf8');
  const parts = ['HTTP', 'UI', 'Metrics'].map(
    (part) => new RegExp(`^Temporal ${part}: +(?:http://)?([^/\\s]+)`, 'm').exec(log)![1]!,
  );
  return [
    ...parts.map((part) => part.replace('localhost', '127.0.0.1')),
    server.address,
    new URL(server.uiAddress!).host,
  ];
}

/** The script of the page below, as text, since it runs in a browser and not in Node. */
const SCRIPT = `
  async function attack(addresses, victim) {
    const results = [];
    const workflow = '/api/v1/namespaces/default/workflows/' + victim;
    const blind = { method: 'POST', mode: 'no-cors', body: '{}' };
    const tries = [[workflow + '/terminate', blind], [workflow + '/terminate', { method: 'POST', body: '{}' }],
      [workflow + '/history', {}], ['/', {}], ['/metrics', {}], ['/swagger.json', {}]];
    for (const address of addresses) {
      for (const [path, init] of tries) {
        try {
          const answer = await fetch('http://' + address + path, init);
          if (answer.type !== 'opaque') results.push(address + path + ': ' + answer.status);
        } catch {}
      }
    }
    document.body.textContent = 'done: ' + results.join('; ');
  }`;

/** A page that tries everything at each target, and writes the results into itself. */
function attack(hosts: readonly string[]): string {
  const frames = hosts.map(
    (host) => `<iframe src="http://${host}/"></iframe><img src="http://${host}/favicon.ico">`,
  );
  const call = `attack(${JSON.stringify(hosts)}, ${JSON.stringify(VICTIM)})`;
  return `<body>${frames.join('')}<script>${SCRIPT}\n${call}</script></body>`;
}

withChromium('a page sends nothing to any port of our list of ports closed to browsers', async () => {
  // On Linux the server has an address of its own, where no other program has these ports.
  const host = process.platform === 'linux' ? '127.83.12.7' : '127.0.0.1';
  const reached = new Set<number>();
  const listeners: Server[] = [];
  const listen = async (port: number): Promise<number | null> => {
    const listener = createServer((request, response) => {
      reached.add(request.socket.localPort!);
      response.end();
    });
    return await new Promise((resolve) => {
      listener.once('error', () => resolve(null));
      listener.listen(port, host, () => {
        listeners.push(listener);
        resolve(portOf(listener));
      });
    });
  };
  try {
    const open = (await listen(0))!;
    const tried = [open];
    for (const port of PORTS_CLOSED_TO_BROWSERS) if ((await listen(port)) !== null) tried.push(port);
    expect(tried.length).toBeGreaterThan(1);
    const places = JSON.stringify(tried.map((port) => `http://${host}:${port}/`));
    page = `<body><script>
      Promise.allSettled(${places}.map((place) => fetch(place, { mode: 'no-cors' })))
        .then(() => document.body.textContent = 'done');
    </script></body>`;
    expect(await opened(`http://127.0.0.1:${portOf(site)}/`)).toContain('done');
    expect([...reached]).toEqual([open]);
  } finally {
    for (const listener of listeners) {
      listener.closeAllConnections();
      listener.close();
    }
  }
});

withChromium('a page of another site reads nothing at any port, and ends nothing', async () => {
  if (lackingPorts.length > 0) return;
  page = attack(targets());
  const port = portOf(site);
  for (const name of ['localhost', 'evil.example']) {
    expect(await opened(`http://${name}:${port}/`)).toMatch(/<body>done: <\/body>/);
  }
  expect(await workflowStatus(server, VICTIM)).toBe('RUNNING');
});

withChromium('a page whose name was changed to an address of this machine gets nothing', async () => {
  if (lackingPorts.length > 0) return;
  const [http, ui, metrics, grpc] = targets();
  for (const [target, path] of [
    [http, 'swagger.json'],
    [ui, ''],
    [metrics, 'metrics'],
    [grpc, ''],
  ] as const) {
    const { hostname, port } = new URL(`http://${target}`);
    const shown = await opened(`http://evil.example:${port}/${path}`, hostname);
    expect([target, shown]).toEqual([target, expect.not.stringMatching(/# HELP|<div id="svelte">|swagger/)]);
  }
  expect(await opened(`http://evil.example:${new URL(server.uiAddress!).port}/`)).toMatch(
    /this is not evil\.example/,
  );
});
