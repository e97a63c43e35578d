import { createServer, type Server } from 'node:net';
import { recordOf } from '../../common/records.js';

/**
 * Different TCP ports that are free on 127.0.0.1 now, one for each name. Another process may take one before
 * the caller uses it.
 */
export async function freeLoopbackPorts<Name extends string>(
  ...names: readonly Name[]
): Promise<Record<Name, number>> {
  const held = new Map(await Promise.all(names.map(async (name) => [name, await listenAnywhere()] as const)));
  // All servers stay open until all ports are known, so that the ports differ.
  const ports = recordOf(names, (name) => portOf(held.get(name)!));
  await Promise.all(
    [...held.values()].map(async (server) => await new Promise((resolve) => server.close(resolve))),
  );
  return ports;
}

/** The TCP port on which a server listens. */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}

async function listenAnywhere(): Promise<Server> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}
