import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { SEARCH_ATTRIBUTES } from '../workflows/names.js';

/** Keywords by which the web UI and `temporal workflow list` find our workflows. */
export const searchAttributes = Object.values(SEARCH_ATTRIBUTES).map(({ name }) => name);

const ANSWER_WITHIN_MS = 10_000;

/** How long finished workflows stay visible on the embedded server; its own default is one day. */
const retention = '30 days';

const { INDEXED_VALUE_TYPE_KEYWORD } = proto.temporal.api.enums.v1.IndexedValueType;

/**
 * Resolves once the server answers for every namespace.
 * @throws when `signal` is aborted or the time is over.
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
      // gRPC waits a second between its own attempts, several times as long as the server takes to start.
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

/** Gives namespaces of a server of our own their retention and the search attributes. */
export async function prepareNamespaces(address: string, namespaces: readonly string[]): Promise<void> {
  await withConnection(address, async (connection) => {
    for (const namespace of namespaces) {
      // Each has the time of its own: there may be many, and the machine busy.
      await connection.withDeadline(Date.now() + ANSWER_WITHIN_MS, async () => {
        await connection.workflowService.updateNamespace({
          namespace,
          config: { workflowExecutionRetentionTtl: msToTs(retention) },
        });
        await ensureSearchAttributes(connection, namespace);
      });
    }
  });
}

/** Adds those of our search attributes that the namespace lacks. Safe to call again, and by several processes at once. */
export async function ensureSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = searchAttributes.filter((name) => !(name in customAttributes));
  if (missing.length === 0) return;
  await connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(missing.map((name) => [name, INDEXED_VALUE_TYPE_KEYWORD])),
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
