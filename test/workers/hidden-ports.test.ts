import { describe, expect, test } from '@jest/globals';
import { createServer, type Server } from 'node:net';
import {
  placeClosedToBrowsers,
  PORTS_CLOSED_TO_BROWSERS,
  portsClosedToBrowsers,
} from '../../workers/temporal/hidden-ports.js';
import { innerPorts } from '../../workers/temporal/server-ports.js';
import { serverArguments } from '../../workers/temporal/server.js';
import { toldWhy } from '../support/mounts.js';
import { portOf } from '../support/port-of.js';

test.each(PORTS_CLOSED_TO_BROWSERS)(
  'fetch, which follows the standard of browsers, does not open port %d',
  async (port) => {
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({
      cause: { message: 'bad port' },
    });
  },
);

test('only free ports are chosen, each once, and no more than there are', async () => {
  const servers = await Promise.all([listen(), listen(), listen()]);
  const [taken, ...free] = servers.map(portOf);
  await Promise.all(servers.slice(1).map(close));
  try {
    const chosen = await portsClosedToBrowsers(3, [taken!, ...free]);
    expect(new Set(chosen)).toEqual(new Set(free));
    expect(chosen).toHaveLength(2);
    expect(await portsClosedToBrowsers(1, free)).toHaveLength(1);
    expect(await portsClosedToBrowsers(2, [taken!])).toEqual([]);
  } finally {
    await close(servers[0]);
  }
});

const linux = process.platform === 'linux';
const onLinux = linux ? test : test.skip;
onLinux(
  toldWhy(
    'there is always a place, at an address that cannot be guessed',
    linux,
    'it needs all of 127.0.0.0/8',
  ),
  async () => {
    const places = [await placeClosedToBrowsers(), await placeClosedToBrowsers()];
    for (const place of places) {
      expect(PORTS_CLOSED_TO_BROWSERS).toContain(place?.port);
      expect(place?.host).toMatch(/^127\.[1-9]\d*\.\d+\.[1-9]\d*$/);
    }
    expect(places[0]?.host).not.toBe(places[1]?.host);
  },
);

describe('if other programs have all these ports', () => {
  test('the server starts without its UI, and the user gets a notice of the ports that pages can reach', async () => {
    const notices: string[] = [];
    const inner = await innerPorts((notice) => notices.push(notice), []);
    expect(inner.ui).toBeNull();
    expect(notices).toEqual([
      expect.stringContaining(`at port ${inner.metricsPort} and ${inner.httpPort} (docs/security.md)`),
      expect.stringMatching(/^There is no web UI: /),
    ]);
    const words = serverArguments('/data/temporal.sqlite', { port: 7233, ...inner }, []);
    expect(words).toContain('--headless');
    expect(words.filter((word) => word.startsWith('--ui-'))).toEqual([]);
  });

  test('but one, the metrics get it, since the HTTP API refuses every name', async () => {
    const server = await listen();
    const port = portOf(server);
    await close(server);
    const notices: string[] = [];
    const { metricsPort, httpPort } = await innerPorts((notice) => notices.push(notice), [port]);
    expect(metricsPort).toBe(port);
    expect(notices[0]).toContain(`at port ${httpPort} (docs/security.md)`);
  });
});

async function listen(): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function close(server: Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve));
}
