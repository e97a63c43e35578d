import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy in front of a server on loopback, through which nothing passes while it is cut. */
export interface Link {
  /** host:port */
  readonly address: string;
  /** Holds everything back, as a network that drops packets does: connections stay open. */
  cut(): void;
  restore(): void;
  close(): Promise<void>;
}

export async function openLink(target: string): Promise<Link> {
  const { hostname, port } = new URL(`tcp://${target}`);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
      if (isCut) socket.pause();
    }
    near.pipe(far);
    far.pipe(near);
    if (isCut) pause(near, far);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');

  return {
    address: `127.0.0.1:${address.port}`,
    cut: () => {
      isCut = true;
      pause(...sockets);
    },
    restore: () => {
      // What was held back belongs to connections that both ends have given up by now.
      isCut = false;
      for (const socket of sockets) socket.destroy();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function pause(...held: readonly Socket[]): void {
  for (const socket of held) {
    socket.unpipe();
    socket.pause();
  }
}
