import { join, resolve } from 'node:path';
import { AutoTokenizer, env as library, type PreTrainedTokenizer } from '@huggingface/transformers';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import type { Artifact } from '../../experiment/artifact.js';
import { errorMessage, PanicError } from '../../experiment/errors.js';
import type { EmbeddingModel } from '../../experiment/model.js';
import type { LoadedEmbedder, LoadTask } from '../loaded-model.js';
import { requireModelFiles } from '../neural-files.js';
import { fingerprint } from '../onnx/fingerprint.js';
import { openSession } from '../onnx/session.js';
import { textEmbedderSettings } from './settings.js';

const BATCH_SIZE = 32;

/**
 * Loads a BERT-like sentence embedder from a folder in the layout of its repository: mean of the last hidden states over the
 * text's tokens, L2-normalised. Never reads from the network.
 * Throws PanicError `ModelFilesMissing` where files are absent or unreadable.
 */
export async function loadSentenceEmbedder(task: LoadTask<EmbeddingModel>): Promise<LoadedEmbedder> {
  const { model, folder, device } = task;
  requireModelFiles(model, folder);
  library.allowRemoteModels = false;
  const { file, max_tokens: maxTokens } = textEmbedderSettings.parse(model.settings);
  try {
    const tokenizer = await AutoTokenizer.from_pretrained(resolve(folder), { local_files_only: true });
    const session = await openSession(join(folder, file), device);
    const host = await fingerprint(task);
    return {
      kind: 'embedding',
      host,
      embed: (inputs) => embedTexts(tokenizer, session, textsOf(model, inputs), maxTokens),
    };
  } catch (error) {
    const message = errorMessage(error);
    throw new PanicError('ModelFilesMissing', `cannot load ${model.name} from ${folder}: ${message}`, {
      cause: error,
    });
  }
}

function textsOf(model: EmbeddingModel, inputs: readonly Artifact[]): string[] {
  return inputs.map((input) => {
    if (input.modality === 'text') return input.text;
    throw new PanicError('InvalidInput', `${model.name} takes text; it was given ${input.modality}`);
  });
}

async function embedTexts(
  tokenizer: PreTrainedTokenizer,
  session: InferenceSession,
  texts: readonly string[],
  maxTokens: number,
): Promise<Float32Array[]> {
  const tokens = texts.map((text) => truncate(tokenizer.encode(text), maxTokens));
  // Texts of about equal length share a batch: padding is work thrown away.
  const byLength = tokens.map((_, index) => index).sort((a, b) => tokens[a]!.length - tokens[b]!.length);
  const vectors: Float32Array[] = [];
  for (let start = 0; start < byLength.length; start += BATCH_SIZE) {
    const indices = byLength.slice(start, start + BATCH_SIZE);
    const pooled = await embedBatch(
      session,
      indices.map((index) => tokens[index]!),
    );
    for (const [row, index] of indices.entries()) vectors[index] = pooled[row]!;
  }
  return vectors;
}

/** The first tokens, and the closing [SEP]: cutting it off moves the vector (cosine 0.77 on long texts). */
function truncate(ids: readonly number[], maxTokens: number): readonly number[] {
  return ids.length <= maxTokens ? ids : [...ids.slice(0, maxTokens - 1), ids.at(-1)!];
}

async function embedBatch(
  session: InferenceSession,
  batch: readonly (readonly number[])[],
): Promise<Float32Array[]> {
  const rows = batch.length;
  const columns = Math.max(...batch.map((ids) => ids.length));
  const ids = new BigInt64Array(rows * columns);
  const mask = new BigInt64Array(rows * columns);
  for (const [row, tokens] of batch.entries()) {
    for (const [column, id] of tokens.entries()) ids[row * columns + column] = BigInt(id);
    mask.fill(1n, row * columns, row * columns + tokens.length);
  }
  const given: Record<string, BigInt64Array> = {
    input_ids: ids,
    attention_mask: mask,
    token_type_ids: new BigInt64Array(rows * columns),
  };
  const feeds: Record<string, Tensor> = {};
  for (const name of session.inputNames) {
    const values = given[name];
    if (values) feeds[name] = new Tensor('int64', values, [rows, columns]);
  }
  const hidden = await lastHiddenState(session, feeds);
  const width = hidden.length / (rows * columns);
  return batch.map((tokens, row) => meanOfRows(hidden, row * columns, tokens.length, width));
}

async function lastHiddenState(
  session: InferenceSession,
  feeds: Record<string, Tensor>,
): Promise<Float32Array> {
  try {
    const data = (await session.run(feeds))['last_hidden_state']?.data;
    if (data instanceof Float32Array) return data;
  } catch (error) {
    const message = errorMessage(error);
    throw new PanicError('DeviceError', `onnxruntime failed: ${message}`, { cause: error });
  }
  throw new PanicError('ModelOutputInvalid', 'the graph has no float32 output called last_hidden_state');
}

function meanOfRows(values: Float32Array, firstRow: number, rows: number, width: number): Float32Array {
  const sums = new Float64Array(width);
  for (let row = firstRow; row < firstRow + rows; row++) {
    for (let i = 0; i < width; i++) sums[i] = sums[i]! + values[row * width + i]!;
  }
  let squares = 0;
  for (const sum of sums) squares += sum * sum;
  return Float32Array.from(sums, (sum) => sum / Math.sqrt(squares));
}
