import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureSearchAttributes } from './search-attributes.js';
import { RETENTION_DAYS } from './service-settings.js';

const ANSWER_WITHIN_MS = 10_000;

/**
 * Resolves when the server answers for every namespace.
 * @throws if `signal` is aborted or the time is over.
 */
export async function waitUntilServing(
  address: string,
  namespaces: readonly string[],
  signal: AbortSignal,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal.throwIfAborted();
    try {
      // gRPC pauses a second between its own attempts. The server starts several times faster, so plain
      // connections come first.
      await connectOnce(address);
      await withConnection(address, async ({ workflowService }) => {
        for (const namespace of namespaces) await workflowService.describeNamespace({ namespace });
      });
      return;
    } catch (error) {
      if (performance.now() > deadline) {
        throw new Error(`it did not answer within ${timeoutMs / 1000} s`, { cause: error });
      }
    }
    await sleep(50, undefined, { signal });
  }
}

/** Gives the namespaces of our own server their retention and search attributes. */
export async function prepareNamespaces(address: string, namespaces: readonly string[]): Promise<void> {
  await withConnection(address, async (connection) => {
    for (const namespace of namespaces) {
      // Each namespace has its own deadline, since there may be many and the machine may be busy.
      await connection.withDeadline(Date.now() + ANSWER_WITHIN_MS, async () => {
        await connection.workflowService.updateNamespace({
          namespace,
          config: { workflowExecutionRetentionTtl: msToTs(`${RETENTION_DAYS} days`) },
        });
        const { missing, reason } = await ensureSearchAttributes(connection, namespace);
        if (missing.length > 0)
          throw new Error(`search attributes of ${namespace} cannot be made: ${reason}`);
      });
    }
  });
}

async function withConnection<T>(address: string, use: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address, connectTimeout: '2s' });
  try {
    return await connection.withDeadline(Date.now() + ANSWER_WITHIN_MS, async () => await use(connection));
  } finally {
    await connection.close();
  }
}

async function connectOnce(address: string): Promise<void> {
  const { hostname, port } = new URL(`tcp://${address}`);
  await new Promise<void>((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
