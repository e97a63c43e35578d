import { Client, Connection } from '@temporalio/client';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Reads the variables by which test/global-setup.mjs describes the suite's Temporal server. */
function suite(name: 'SUITE_TEMPORAL_ADDRESS' | 'SUITE_FOLDER' | 'SUITE_NAMESPACES'): string {
  const value = process.env[name];
  if (value === undefined)
    throw new Error(`${name} is missing: test/global-setup.mjs starts the suite's server`);
  return value;
}

export function suiteAddress(): string {
  return suite('SUITE_TEMPORAL_ADDRESS');
}

/** HOST:PORT of its UI itself, without our guard, from its log. */
export function suiteUi(): string {
  const log = readFileSync(join(suite('SUITE_FOLDER'), 'temporal.log'), 'utf8');
  const [, address] = /^Temporal UI: +http:\/\/(\S+)/m.exec(log) ?? [];
  if (address === undefined) throw new Error(`the suite's server has no web UI: ${log}`);
  return address;
}

/** A namespace that no other test of the suite uses, in any process. Making a folder is atomic. */
export function takeNamespace(): string {
  const total = Number(suite('SUITE_NAMESPACES'));
  for (let number = 0; number < total; number++) {
    const name = `suite-${number}`;
    try {
      mkdirSync(join(suite('SUITE_FOLDER'), name));
      return name;
    } catch {
      // Another test has taken it.
    }
  }
  throw new Error(
    `all ${total} namespaces of the suite's server are taken: raise NAMESPACES in test/global-setup.mjs`,
  );
}

export async function connectClient(
  namespace: string,
  address = suiteAddress(),
): Promise<{ client: Client; close: () => Promise<void> }> {
  const connection = await Connection.connect({ address });
  return { client: new Client({ connection, namespace }), close: () => connection.close() };
}

export async function withClient<T>(namespace: string, use: (client: Client) => Promise<T>): Promise<T> {
  const { client, close } = await connectClient(namespace);
  try {
    return await use(client);
  } finally {
    await close();
  }
}
