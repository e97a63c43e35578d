import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/**
 * Ports that browsers open for no page, whatever name or address is before them: "port blocking" of the Fetch
 * standard (https://fetch.spec.whatwg.org/#port-blocking). Parts of the Temporal server and SDK that check no
 * Host header listen there. The list leaves out ports of services that machines still have (SSH, mail, NFS,
 * X11), which could not start while we have their port. It also leaves out 4190 and 6679, which Chromium
 * opens. Ports below 1024 are for root, and for containers.
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

/**
 * At most `count` different ports of the list that are free now. Another process may take one before the
 * caller uses it.
 */
export async function portsClosedToBrowsers(
  count: number,
  candidates = PORTS_CLOSED_TO_BROWSERS,
  host = LOOPBACK,
): Promise<number[]> {
  const held: Server[] = [];
  const free: number[] = [];
  // The order is random, so that two programs that start at the same time rarely choose the same port.
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
 * A place where no page can reach a server: one of those ports. Where all of 127.0.0.0/8 is this machine
 * (Linux), the place has an address of its own, so that there always is one. Null if there is none.
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
