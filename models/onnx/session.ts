import { env as runtime, InferenceSession, type Tensor } from 'onnxruntime-node';
import { NO_TELEMETRY } from '../../common/child-environment.js';
import { errorMessage, PanicError } from '../../common/errors.js';
import { limitedCores } from '../../common/machine.js';
import type { ModelFiles } from '../files/model-files.js';
import { type LoadTask, UNOPENED } from '../loaded-model.js';
import { declaredGraph } from './declared-graph.js';
import { isAboutTheFile, isRefusal, runtimeError } from './runtime-error.js';
import { runtimeSentence } from './runtime-words.js';

// The parent sets it for the processes of models. This line is for a program that opens a session in its own
// process; the runtime reads the variable at the first session.
Object.assign(process.env, NO_TELEMETRY);

/** An open graph, or a graph of which only the file was read. */
export type OpenGraph = Pick<InferenceSession, 'inputMetadata' | 'outputMetadata' | 'outputNames' | 'run'>;

/** Thrown where a loader that opens nothing would compute. All checks before that point found nothing wrong. */
export class NothingComputes extends Error {}

/**
 * Opens a graph, one of the model's files, on exactly `device`: the runtime would otherwise fall back to another
 * without a word. Operators come from the runtime alone, since this program names no library of others to it.
 * Throws PanicError as `ModelFiles.graph`, `ModelFilesMissing` where the runtime cannot read the file,
 * `InvalidInput` where it cannot compute the graph or its numbers on that device, and `DeviceError` where the
 * device fails. Where nothing is to be opened, the answers of the graph throw `NothingComputes`.
 */
export async function openSession(
  files: ModelFiles,
  path: string,
  device: LoadTask['device'],
): Promise<OpenGraph> {
  const file = files.graph(path);
  if (device === UNOPENED) return unopenedGraph(file);
  try {
    return await InferenceSession.create(file, { executionProviders: [device], ...threads() });
  } catch (error) {
    const message = errorMessage(error).trim();
    if (isRefusal(error)) {
      throw new PanicError(
        'InvalidInput',
        `${file} cannot run on ${device}: ${runtimeSentence(message)}. The runtime has no kernel there for numbers of that type; ` +
          'take another device, or an export in fp32, fp16, int8 or int4',
        { cause: error },
      );
    }
    const kind = isAboutTheFile(error) ? 'ModelFilesMissing' : 'DeviceError';
    throw new PanicError(kind, `cannot open ${file} on ${device}: ${runtimeSentence(message)}`, {
      cause: error,
    });
  }
}

/**
 * The runtime takes a thread for each core of the machine, even where a control group gives the process the time of
 * only a few.
 */
function threads(): { readonly intraOpNumThreads?: number } {
  const cores = limitedCores();
  return cores === null ? {} : { intraOpNumThreads: cores };
}

function unopenedGraph(file: string): OpenGraph {
  const { inputMetadata, outputMetadata } = declaredGraph(file);
  return {
    inputMetadata,
    outputMetadata,
    outputNames: outputMetadata.map(({ name }) => name),
    run: () => Promise.reject(new NothingComputes()),
  };
}

/**
 * Runs a graph. Throws PanicError `InvalidInput` where the runtime cannot compute it with these inputs on its device, and
 * `DeviceError` where the runtime fails.
 */
export async function runSession(
  session: OpenGraph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Readonly<Record<string, Tensor>>> {
  try {
    return await session.run(feeds);
  } catch (error) {
    if (error instanceof NothingComputes) throw error;
    throw runtimeError('onnxruntime failed', error);
  }
}

export function runtimeVersion(): string {
  return runtime.versions.node ?? runtime.versions.common;
}
