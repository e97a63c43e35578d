import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join, resolve } from 'node:path';
import { AutoTokenizer, env as library, type PreTrainedTokenizer } from '@huggingface/transformers';
import { env as runtime, InferenceSession, Tensor } from 'onnxruntime-node';
import { errorMessage, PanicError } from '../experiment/errors.js';
import type { EmbeddingModel } from '../experiment/model.js';
import type { HostFingerprint } from '../experiment/provenance.js';
import { requiredFiles, requireModelFiles } from './neural-files.js';

const BATCH_SIZE = 32;

/** A loaded sentence embedder: mean of the last hidden states over the text's tokens, L2-normalised. */
export interface SentenceEmbedder {
  readonly host: HostFingerprint;
  /** One vector per text, in order. Throws PanicError `DeviceError` where the runtime fails. */
  embed(texts: readonly string[]): Promise<Float32Array[]>;
}

/**
 * Loads a BERT-like sentence embedder from a folder in the layout of its repository. Never reads from the network.
 * Throws PanicError `ModelFilesMissing` where files are absent or unreadable.
 */
export async function loadSentenceEmbedder(model: EmbeddingModel, folder: string): Promise<SentenceEmbedder> {
  requireModelFiles(model, folder);
  library.allowRemoteModels = false;
  const { file, max_tokens: maxTokens } = model.settings;
  if (typeof file !== 'string' || typeof maxTokens !== 'number') {
    throw new PanicError('InvalidInput', `${model.name} lacks the settings file and max_tokens`);
  }
  try {
    const tokenizer = await AutoTokenizer.from_pretrained(resolve(folder), { local_files_only: true });
    const session = await InferenceSession.create(join(folder, file), { executionProviders: ['cpu'] });
    const host = await fingerprint(model, folder);
    return { host, embed: (texts) => embedTexts(tokenizer, session, texts, maxTokens) };
  } catch (error) {
    const message = errorMessage(error);
    throw new PanicError('ModelFilesMissing', `cannot load ${model.name} from ${folder}: ${message}`, {
      cause: error,
    });
  }
}

async function fingerprint(model: EmbeddingModel, folder: string): Promise<HostFingerprint> {
  const files: Record<string, string> = {};
  for (const file of requiredFiles(model)) files[file] = await sha256OfFile(join(folder, file));
  return {
    runtime: 'onnxruntime',
    runtimeVersion: runtime.versions.node ?? runtime.versions.common,
    device: 'cpu',
    dtype: String(model.settings['dtype']),
    files,
  };
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
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
