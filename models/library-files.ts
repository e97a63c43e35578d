import { env, LogLevel } from '@huggingface/transformers';
import { errorMessage, PanicError } from '../common/errors.js';
import type { ModelFiles } from './files/model-files.js';
import { isGraph } from './files/locked-files.js';

/**
 * Connects transformers.js to one model's verified files. The library looks for files by names that it makes of
 * settings and configurations. Here it has no file system and no network: its interface for a program's own cache
 * (`env.customCache`) answers every request.
 */
env.allowRemoteModels = false;
env.allowLocalModels = true;
env.useFS = false;
env.useFSCache = false;
env.useBrowserCache = false;
env.useCustomCache = true;
env.customCache = { match: answer, put: async () => undefined };
env.fetch = async () => new Response(null, { status: 404 });
// The library asks for each file under a local and a remote name. With these values both names are the same.
env.remoteHost = '';
env.remotePathTemplate = '{model}/';
// The library throws what it prints, and its print of a failed call contains whole tensors.
env.logLevel = LogLevel.NONE;

interface Reading {
  readonly files: ModelFiles;
  /** Kept here, since the library takes every failure of an answer for a missing file. */
  readonly failures: unknown[];
}

/** By the name that the library has for the model's folder. */
const readings = new Map<string, Reading>();
let serial = 0;

/**
 * Lets the library load something of a model: `load` gets the name that the library takes for the model's folder.
 * The `needed` files must be among the model's. Errors of ModelFiles go before those that the library makes of
 * them.
 */
export async function throughLibrary<T>(
  files: ModelFiles,
  needed: readonly string[],
  load: (name: string) => Promise<T>,
): Promise<T> {
  for (const path of needed) files.require(path);
  // A new name each time, since the library remembers what it found under a name.
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

/** Checks JSON before the library does, since the library's own error names no file. */
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
    // The library also asks for a graph's data, and needs only a name: the runtime finds the data beside the graph.
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
