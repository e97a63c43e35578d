import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { PanicError } from '../../common/errors.js';
import type { EmbeddingModel } from '../../experiment/model.js';
import type { LoadTask } from '../loaded-model.js';
import { requireAgreement, requireRoom } from '../agreement.js';
import { openSession, runSession } from '../onnx/session.js';
import { readModelFiles } from '../unreadable.js';
import type { EmbedderSettings } from './settings.js';
import { vectorsOf } from './vectors.js';

/** An embedder's open graph, with its inputs and the number of texts or pictures that are worth computing at once. */
export interface EmbeddingGraph {
  readonly inputs: readonly InferenceSession.ValueMetadata[];
  readonly batchSize: number;
  /** Vectors of a batch of `rows` inputs. Throws PanicError `DeviceError` and `ModelOutputInvalid`. */
  embed(feeds: Readonly<Record<string, Tensor>>, rows: number): Promise<Float32Array[]>;
}

/**
 * Opens the graph that the settings name. Throws PanicError `ModelFilesMissing` where the graph cannot be read,
 * `DeviceError` where the device refuses it, and `InvalidInput` where the settings do not fit the graph or the
 * model.
 */
export async function openEmbeddingGraph(
  { model, files, device }: LoadTask<EmbeddingModel>,
  settings: EmbedderSettings,
): Promise<EmbeddingGraph> {
  const { file, output, truncate_dimension: kept } = settings;
  if (kept !== undefined && kept !== model.dimension) {
    throw new PanicError(
      'InvalidInput',
      `${model.name} has dimension ${model.dimension}, but its settings truncate to ${kept}`,
    );
  }
  const session = await readModelFiles(model, file, () => openSession(files, file, device));
  if (!session.outputNames.includes(output)) {
    throw new PanicError(
      'InvalidInput',
      `${model.name}: ${file} has no output ${output}; it has ${session.outputNames.join(', ')}`,
    );
  }
  requireDimension(model, settings, file, session.outputMetadata);
  // On a CPU the bytes of a vector must not depend on the batch. The tokens' vectors of an fp32 graph do not (texts
  // of equal length; see the tests). A graph that goes on with one vector for each input multiplies a single row by
  // another routine.
  const batches = device !== 'cpu' || (settings.dtype === 'fp32' && settings.pooling !== 'none');
  return {
    inputs: session.inputMetadata,
    batchSize: batches ? (model.weights?.maxBatch ?? 1) : 1,
    embed: async (feeds, rows) => vectorsOf((await runSession(session, feeds))[output]!, rows, settings),
  };
}

/** Throws PanicError `InvalidInput` where the graph declares vectors of another width than the catalogue's entry says. */
function requireDimension(
  model: EmbeddingModel,
  { output, truncate_dimension: kept }: EmbedderSettings,
  file: string,
  outputs: readonly InferenceSession.ValueMetadata[],
): void {
  const declared = outputs.find(({ name }) => name === output);
  const width = declared?.isTensor === true ? declared.shape.at(-1) : undefined;
  const given = {
    value: typeof width === 'number' && width > 0 ? width : null,
    where: `${file}: the output ${output}`,
  };
  const wanted = { value: model.dimension, where: `the catalogue's entry ${model.name}: dimension` };
  const what = 'dimension of the vectors';
  if (kept === undefined) requireAgreement(what, [wanted, given], 'set the other dimension');
  else requireRoom(what, wanted, given, 'set a smaller dimension');
}
