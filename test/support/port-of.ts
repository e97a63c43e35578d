import type { Server } from 'node:net';

/** The TCP port on which a server listens. Throws if it does not listen, or listens at a path. */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('this server listens on no TCP port');
  return address.port;
}
