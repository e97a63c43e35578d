import type { Artifact } from '../../experiment/artifact.js';
import { PanicError } from '../../common/errors.js';
import type { EmbeddingModel } from '../../experiment/model.js';
import type { EmbeddedItem, LoadedEmbedder, LoadTask } from '../loaded-model.js';
import { fingerprintOf } from '../onnx/fingerprint.js';
import { tokenizerOf } from '../tokenizers/tokenizer.js';
import { readModelFiles } from '../unreadable.js';
import { openEmbeddingGraph } from './embedding-graph.js';
import { requireTextFit } from './folder-fit.js';
import { textEmbedderSettings } from './settings.js';
import { tokenFeeder } from './token-feeds.js';
import { textTokenizer, type TokenizedText } from './tokens.js';

/**
 * Loads a text embedder from files in the layout of its repository, without the network.
 * Throws PanicError `ModelFilesMissing` where files are absent or unreadable, `InvalidInput` where the settings do
 * not fit them, and `DeviceError` where the device refuses.
 *
 * A vector does not depend on the other texts of a batch: a batch has texts of equal length only, so that it needs
 * no padding. (That costs no time: batches of mixed lengths lose on padding what they gain.)
 */
export async function loadTextEmbedder(task: LoadTask<EmbeddingModel>): Promise<LoadedEmbedder> {
  const { model, files } = task;
  const settings = textEmbedderSettings.parse(model.settings);
  const tokenizer = await readModelFiles(
    model,
    `tokenizer.json and tokenizer_config.json in ${files.nameOf('.')}`,
    () => tokenizerOf(files),
  );
  const tokenize = await textTokenizer(model, tokenizer, settings);
  await requireTextFit(model, files, settings.max_tokens, await tokenizer.encode('a'));
  const graph = await openEmbeddingGraph(task, settings);
  const feed = tokenFeeder(graph.inputs, settings.image_size);
  const fingerprint = fingerprintOf(task, { readsText: true });
  return {
    kind: 'embedding',
    fingerprint,
    embed: async (inputs) => {
      const texts = await Promise.all(inputs.map((input) => tokenize(textOf(model, input))));
      const items: EmbeddedItem[] = [];
      for (const batch of batchesOfEqualLength(texts, graph.batchSize)) {
        const ids = batch.map((index) => texts[index]!.ids);
        const vectors = await graph.embed(feed(ids), batch.length);
        for (const [row, index] of batch.entries()) {
          items[index] = { vector: vectors[row]!, cutTokens: texts[index]!.cutTokens };
        }
      }
      return items;
    },
  };
}

function textOf(model: EmbeddingModel, input: Artifact): string {
  if (input.modality === 'text') return input.text;
  throw new PanicError('InvalidInput', `${model.name} takes text; it was given ${input.modality}`);
}

/** Indices of texts, in batches of at most `size`. */
function batchesOfEqualLength(texts: readonly TokenizedText[], size: number): number[][] {
  const byLength = new Map<number, number[]>();
  for (const [index, { ids }] of texts.entries()) {
    const group = byLength.get(ids.length);
    if (group) group.push(index);
    else byLength.set(ids.length, [index]);
  }
  return [...byLength].flatMap(([length, group]) => {
    // A graph multiplies a single row by another routine. So a text of one token is always computed alone.
    const most = length === 1 ? 1 : size;
    const batches = Math.ceil(group.length / most);
    return Array.from({ length: batches }, (_, i) => group.slice(i * most, (i + 1) * most));
  });
}
