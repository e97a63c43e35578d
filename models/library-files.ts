import { env, LogLevel } from '@huggingface/transformers';
import { errorMessage, PanicError } from '../common/errors.js';
import type { ModelFiles } from './files/model-files.js';
import { isGraph } from './files/locked-files.js';

/**
 * transformers.js finds files by itself, by names that it makes of settings and configurations. Here it has no file system and no network: what
 * it asks for comes out of one model's verified files, by way of its interface for caches of programs (`env.customCache`).
 */
env.allowRemoteModels = false;
env.allowLocalModels = true;
env.useFS = false;
env.useFSCache = false;
env.useBrowserCache = false;
env.useCustomCache = true;
env.customCache = { match: answer, put: async () => undefined };
env.fetch = async () => new Response(null, { status: 404 });
// Both begin the names that it asks for by: the same one twice.
env.remoteHost = '';
env.remotePathTemplate = '{model}/';
// What it would print it also throws; its print of a failed call holds whole tensors.
env.logLevel = LogLevel.NONE;

interface Reading {
  readonly files: ModelFiles;
  /** The library takes whatever goes wrong here for a file that is not there. */
  readonly failures: unknown[];
}

/** By the name under which the library knows the model's folder. */
const readings = new Map<string, Reading>();
let serial = 0;

/**
 * Lets the library load something of a model: `load` gets a name to give it as the folder. The `needed` files must be among its own. Throws what ModelFiles throws, before what the library makes of that.
 */
export async function throughLibrary<T>(
  files: ModelFiles,
  needed: readonly string[],
  load: (name: string) => Promise<T>,
): Promise<T> {
  for (const path of needed) files.require(path);
  // Never the same twice: the library remembers what it saw of a name.
  const name = `/model-${serial++}`;
  const reading: Reading = { files, failures: [] };
  readings.set(name, reading);
  try {
    const loaded = await load(name);
    if (reading.failures.length === 0) return loaded;
  } catch (error) {
    if (reading.failures.length === 0) throw error;
  } finally {
    readings.delete(name);
  }
  throw reading.failures[0];
}

/** The library's own error names no file. */
function requireJson(bytes: Buffer, name: string): void {
  try {
    JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new PanicError('ModelFilesMissing', `${name} is no JSON: ${errorMessage(error)}`, { cause: error });
  }
}

async function answer(request: string): Promise<Response | string | undefined> {
  const [, name = '', path = ''] = /^(\/model-\d+)\/(.+)$/s.exec(request) ?? [];
  const reading = readings.get(name);
  if (reading === undefined) return undefined;
  const { files, failures } = reading;
  try {
    if (isGraph(path)) return files.graph(path);
    // It asks for a graph's data as well, and goes on with no more than a name: the runtime finds them beside the graph.
    if (!/\.(json|jinja|txt)$/.test(path)) return request;
    if (!files.has(path)) return undefined;
    const bytes = await files.bytes(path);
    if (path.endsWith('.json')) requireJson(bytes, files.nameOf(path));
    return new Response(new Uint8Array(bytes));
  } catch (error) {
    failures.push(error);
    return undefined;
  }
}
