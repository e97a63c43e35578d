import { connect, createServer, type Socket } from 'node:net';

/**
 * What a cut does to the connections of a link. `lost` holds all data back, as a network that drops packets
 * does, and never delivers it. `late` delivers it at the end, as retransmission does. `refused` ends them,
 * and every new one, at once.
 */
export type Outage = 'lost' | 'late' | 'refused';

/** A TCP proxy in front of a server on loopback. Nothing passes while it is cut. */
export interface Link {
  /** host:port */
  readonly address: string;
  cut(how?: Outage): void;
  /** Returns how many connections the cut met: those that were open, and those that were tried. */
  restore(): number;
  close(): Promise<void>;
}

export async function openLink(target: string): Promise<Link> {
  const { hostname, port } = new URL(`tcp://${target}`);
  const pairs = new Set<Pair>();
  let outage: Outage | null = null;
  let met = 0;
  const server = createServer((near) => {
    if (outage !== null) met++;
    if (outage === 'refused') {
      near.destroy();
      return;
    }
    const pair: Pair = { near, far: connect(Number(port), hostname) };
    pairs.add(pair);
    for (const socket of [pair.near, pair.far]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        pairs.delete(pair);
        destroy(pair);
      });
    }
    if (outage === null) join(pair);
    else hold(pair);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');

  return {
    address: `127.0.0.1:${address.port}`,
    cut: (how = 'lost') => {
      outage = how;
      met = pairs.size;
      for (const pair of pairs) {
        if (how === 'refused') destroy(pair);
        else hold(pair);
      }
    },
    restore: () => {
      for (const pair of pairs) {
        if (outage === 'late') join(pair);
        // Both ends have given up these connections by now.
        else destroy(pair);
      }
      outage = null;
      return met;
    },
    close: async () => {
      for (const pair of pairs) destroy(pair);
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

function join({ near, far }: Pair): void {
  near.pipe(far);
  far.pipe(near);
}

function hold({ near, far }: Pair): void {
  for (const socket of [near, far]) {
    socket.unpipe();
    socket.pause();
  }
}

function destroy({ near, far }: Pair): void {
  near.destroy();
  far.destroy();
}
