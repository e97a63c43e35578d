import { AutoImageProcessor, type ImageProcessor } from '@huggingface/transformers';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { z } from 'zod';
import type { Artifact, ImageArtifact } from '../../experiment/artifact.js';
import { PanicError } from '../../common/errors.js';
import type { EmbeddingModel } from '../../experiment/model.js';
import type { EmbeddedItem, LoadedEmbedder, LoadTask } from '../loaded-model.js';
import { fingerprintOf } from '../onnx/fingerprint.js';
import { throughLibrary } from '../library-files.js';
import { pictureForProcessor } from '../pictures.js';
import { readModelFiles } from '../unreadable.js';
import { openEmbeddingGraph } from './embedding-graph.js';
import { requirePictureFit } from './folder-fit.js';
import { imageEmbedderSettings } from './settings.js';
import type { Feeds } from './token-feeds.js';

/** For any other class the library takes its base class, and only logs a warning. */
const KNOWN_PROCESSORS = [
  'BitImageProcessor',
  'CLIPImageProcessor',
  'JinaCLIPImageProcessor',
  'SiglipImageProcessor',
  'ViTImageProcessor',
] as const;

/**
 * Loads an image embedder from files in the layout of its repository, without the network. A vector does not depend
 * on the other pictures of a batch. Throws like loadTextEmbedder.
 */
export async function loadImageEmbedder(task: LoadTask<EmbeddingModel>): Promise<LoadedEmbedder> {
  const { model, files } = task;
  const settings = imageEmbedderSettings.parse(model.settings);
  const processor: ImageProcessor = await readModelFiles(
    model,
    files.nameOf('preprocessor_config.json'),
    () =>
      throughLibrary(files, ['preprocessor_config.json'], (name) =>
        AutoImageProcessor.from_pretrained(name, { local_files_only: true }),
      ),
  );
  checkProcessor(model, processor);
  await requirePictureFit(model, files, processor.config);
  const graph = await openEmbeddingGraph(task, settings);
  checkInputs(model, graph.inputs);
  const fingerprint = fingerprintOf(task, { readsText: false });
  return {
    kind: 'embedding',
    fingerprint,
    embed: async (inputs) => {
      const pictures = inputs.map((input) => pictureOf(model, input));
      const items: EmbeddedItem[] = [];
      for (let start = 0; start < pictures.length; start += graph.batchSize) {
        const batch = pictures.slice(start, start + graph.batchSize);
        const feeds = await feedsOf(processor, graph.inputs, batch);
        for (const vector of await graph.embed(feeds, batch.length)) items.push({ vector, cutTokens: 0 });
      }
      return items;
    },
  };
}

function pictureOf(model: EmbeddingModel, input: Artifact): ImageArtifact {
  if (input.modality === 'image') return input;
  throw new PanicError('InvalidInput', `${model.name} takes pictures; it was given ${input.modality}`);
}

const processorSchema = z.object({
  config: z.object({
    image_processor_type: z
      .string()
      .transform((name) => name.replace(/Fast$/, ''))
      .pipe(z.enum(KNOWN_PROCESSORS)),
  }),
  // Old files have a bare number, which some processors of Python take for a square and others for the shorter
  // side.
  size: z.union(
    [z.object({ height: z.number(), width: z.number() }), z.object({ shortest_edge: z.number() })],
    'expected {"height", "width"} or {"shortest_edge"}',
  ),
});

function checkProcessor(model: EmbeddingModel, { config, size }: ImageProcessor): void {
  const { success, error } = processorSchema.safeParse({ config, size });
  if (success) return;
  throw new PanicError(
    'InvalidInput',
    `${model.name}: preprocessor_config.json asks for what is not known:\n${z.prettifyError(error)}`,
  );
}

function checkInputs(model: EmbeddingModel, inputs: readonly InferenceSession.ValueMetadata[]): void {
  for (const { name } of inputs) {
    if (name === 'pixel_values' || name === 'input_ids') continue;
    throw new PanicError(
      'InvalidInput',
      `${model.name}: the graph wants an input ${name}, which image embedders cannot feed`,
    );
  }
}

async function feedsOf(
  processor: ImageProcessor,
  inputs: readonly InferenceSession.ValueMetadata[],
  batch: readonly ImageArtifact[],
): Promise<Feeds> {
  const { pixel_values: pixels } = await processor(
    batch.map((picture) => pictureForProcessor(processor, picture)),
  );
  const feeds: Record<string, Tensor> = {
    pixel_values: new Tensor('float32', pixels.data, [...pixels.dims]),
  };
  // A graph of both towers (jina-clip-v2) also wants a text, which must not be empty. One token costs least.
  if (inputs.some(({ name }) => name === 'input_ids')) {
    feeds['input_ids'] = new Tensor('int64', new BigInt64Array(batch.length).fill(1n), [batch.length, 1]);
  }
  return feeds;
}
