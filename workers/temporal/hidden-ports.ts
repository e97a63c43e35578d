import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/**
 * Browsers open these ports for no page, whatever the name or address before them: "port blocking" of the Fetch standard
 * (https://fetch.spec.whatwg.org/#port-blocking). Programs of others that check no Host header listen there. Those of services
 * that machines still have are left out (SSH, mail, NFS, X11): they could not start while we have their port. So are 4190 and
 * 6679, which Chromium opens. Below 1024 are for root, and for containers.
 */
// oxfmt-ignore
export const PORTS_CLOSED_TO_BROWSERS: readonly number[] = [
  1, 7, 9, 11, 13, 15, 17, 19, 37, 42, 77, 79, 87, 95, 101, 102, 103, 104, 109, 115, 117, 526, 530, 531, 532, 540, 556,
  1719, 1720, 1723, 3659, 5060, 5061, 6566, 6665, 6666, 6667, 6668, 6669, 6697, 10080,
];

export interface Place {
  readonly host: string;
  readonly port: number;
}

const LOOPBACK = '127.0.0.1';

/** Different ones of those ports that are free now, at most `count`; another process may take one before it is used. */
export async function portsClosedToBrowsers(
  count: number,
  candidates = PORTS_CLOSED_TO_BROWSERS,
  host = LOOPBACK,
): Promise<number[]> {
  const held: Server[] = [];
  const free: number[] = [];
  // In random order, so that two programs that start at the same time rarely choose the same.
  for (const port of shuffled(candidates)) {
    if (free.length === count) break;
    const server = await tryToListen(host, port);
    if (server === null) continue;
    held.push(server);
    free.push(port);
  }
  await Promise.all(held.map(async (server) => await new Promise((resolve) => server.close(resolve))));
  return free;
}

/**
 * Where no page can reach a server: one of those ports, at an address of its own where all of 127.0.0.0/8 is this machine
 * (Linux), so that there is always one. Null where there is none.
 */
export async function placeClosedToBrowsers(candidates = PORTS_CLOSED_TO_BROWSERS): Promise<Place | null> {
  for (const host of [randomLoopbackAddress(), LOOPBACK]) {
    const [port] = await portsClosedToBrowsers(1, candidates, host);
    if (port !== undefined) return { host, port };
  }
  return null;
}

/** Not in 127.0.0.0/16, where systems have addresses of their own (127.0.0.53, 127.0.1.1). */
function randomLoopbackAddress(): string {
  return `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`;
}

async function tryToListen(host: string, port: number): Promise<Server | null> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(port, host, () => resolve(server));
  });
}

function shuffled(ports: readonly number[]): number[] {
  const list = [...ports];
  for (let last = list.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [list[last], list[other]] = [list[other]!, list[last]!];
  }
  return list;
}
