import { connect, createServer, type Socket } from 'node:net';

export interface HeldService {
  /** host:port */
  readonly address: string;
  /** From now on it takes connections and bytes, and answers nothing, like a service that hangs. */
  hold(): void;
  close(): Promise<void>;
}

/** A proxy for the TCP service at `address` (host:port) that a test can hold. */
export async function openHeldService(address: string): Promise<HeldService> {
  const { hostname, port } = new URL(`tcp://${address}`);
  const sockets = new Set<Socket>();
  let held = false;
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.once('close', () => sockets.delete(socket)).on('error', () => undefined);
  };
  const server = createServer((near) => {
    keep(near);
    if (held) return;
    const far = keep(connect(Number(port), hostname));
    near.once('close', () => far.destroy());
    far.once('close', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const own = server.address();
  if (own === null || typeof own === 'string') throw new Error('a TCP server has no port');
  return {
    address: `127.0.0.1:${own.port}`,
    hold: () => {
      held = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
