import {
  Qwen2_5_VLForConditionalGeneration,
  Qwen2VLForConditionalGeneration,
  Tensor,
} from '@huggingface/transformers';
import { z } from 'zod';
import type { ImageArtifact } from '../../experiment/artifact.js';
import { PanicError } from '../../common/errors.js';
import { roundHalfToEven } from '../../common/rounding.js';
import { requireAgreement } from '../agreement.js';
import { resizePicture } from '../pictures.js';
import { chatAbout, type OpenFamily, tokensOf } from './family.js';
import type { ModelFolder } from './model-folder.js';
import { normalisedPlanes, type ProcessorValues, processorValues } from './pixels.js';
import type { SettingsOf } from './settings.js';

const pixelCount = z.int().positive();
const processorSchema = processorValues(3)
  .and(
    z.looseObject({
      patch_size: z.int().positive(),
      temporal_patch_size: z.int().positive(),
      merge_size: z.int().positive(),
      min_pixels: pixelCount.nullish(),
      max_pixels: pixelCount.nullish(),
      size: z.looseObject({ shortest_edge: pixelCount, longest_edge: pixelCount }).nullish(),
    }),
  )
  .transform((config, context) => {
    // "Edges" are numbers of pixels here. Newer files have these keys in place of the two older ones.
    const smallest = config.min_pixels ?? config.size?.shortest_edge;
    const largest = config.max_pixels ?? config.size?.longest_edge;
    if (smallest !== undefined && largest !== undefined) return { ...config, smallest, largest };
    context.addIssue('neither min_pixels and max_pixels nor size.shortest_edge and size.longest_edge');
    return z.NEVER;
  });
type Processor = z.output<typeof processorSchema>;

/** Classes by `model_type`. The generations differ in the vision tower, and in the name of one of its inputs. */
const GENERATIONS = {
  qwen2_vl: Qwen2VLForConditionalGeneration,
  qwen2_5_vl: Qwen2_5_VLForConditionalGeneration,
};
const generationSchema = z.looseObject({ model_type: z.enum(['qwen2_vl', 'qwen2_5_vl']) });

const LARGEST_ASPECT = 200;
const PLACEHOLDER = '<|image_pad|>';

/** Qwen2-VL and Qwen2.5-VL. They read pictures of any size as patches, with positions in three dimensions. */
export const openQwenVl: OpenFamily<SettingsOf<'qwen-vl'>> = async (folder, settings) => {
  const tokenizer = await folder.tokenizer();
  const processor = await folder.json('preprocessor_config.json', processorSchema);
  const { model_type: generation } = await folder.json('config.json', generationSchema);
  await requireFit(folder, processor);
  const model = await folder.open(GENERATIONS[generation]);
  const chat = await chatAbout(folder, settings.prompt);
  const largest = Math.min(settings.max_pixels, processor.largest);
  return {
    model,
    tokenizer,
    inputsFor: async (picture) => {
      const { width, height } = patchableSize(picture, processor, largest);
      const resized = resizePicture(picture, width, height, processor.kernel);
      const [rows, columns] = [height / processor.patch_size, width / processor.patch_size];
      const tokens = (rows * columns) / processor.merge_size ** 2;
      const grid = BigInt64Array.of(1n, BigInt(rows), BigInt(columns));
      return {
        ...(await tokensOf(
          tokenizer,
          chat.replace(PLACEHOLDER, () => PLACEHOLDER.repeat(tokens)),
        )),
        pixel_values: patchesOf(resized, processor),
        image_grid_thw: new Tensor('int64', grid, [1, 3]),
      };
    },
  };
};

/**
 * Throws PanicError `InvalidInput` where the processor would cut pictures into other patches than the vision tower
 * reads.
 */
async function requireFit(folder: ModelFolder, processor: Processor): Promise<void> {
  const pairs = [
    ['patch_size', processor.patch_size, 'patch_size'],
    ['temporal_patch_size', processor.temporal_patch_size, 'temporal_patch_size'],
    ['merge_size', processor.merge_size, 'spatial_merge_size'],
  ] as const;
  for (const [key, value, inTower] of pairs) {
    requireAgreement(`the ${key} of pictures`, [
      await folder.statement('config.json', 'vision_config', inTower),
      { value, where: `preprocessor_config.json: ${key}` },
    ]);
  }
}

/**
 * `smart_resize` of the Python processor: both sides become multiples of a merged patch, the area stays within the
 * bounds, and the proportions stay about the same.
 */
function patchableSize(
  { width, height }: ImageArtifact,
  processor: Processor,
  largest: number,
): { width: number; height: number } {
  const aspect = Math.max(width, height) / Math.min(width, height);
  if (aspect > LARGEST_ASPECT) {
    throw new PanicError(
      'InvalidInput',
      `a picture of ${width} x ${height} pixels: one side may be at most ${LARGEST_ASPECT} times the other`,
    );
  }
  const unit = processor.patch_size * processor.merge_size;
  const rounded = {
    width: roundHalfToEven(width / unit) * unit,
    height: roundHalfToEven(height / unit) * unit,
  };
  const area = rounded.width * rounded.height;
  if (area > largest) {
    const shrink = Math.sqrt((height * width) / largest);
    const fit = (length: number): number => Math.max(unit, Math.floor(length / shrink / unit) * unit);
    return { width: fit(width), height: fit(height) };
  }
  if (area < processor.smallest) {
    const grow = Math.sqrt(processor.smallest / (height * width));
    const fit = (length: number): number => Math.ceil((length * grow) / unit) * unit;
    return { width: fit(width), height: fit(height) };
  }
  return rounded;
}

/**
 * The patches of a picture, [patches, 3 * temporal_patch_size * patch_size^2]. Patches that the model will merge
 * stand side by side. A patch has its channels in order, and each channel has the rows of the picture
 * `temporal_patch_size` times: the model reads a picture as a film without motion.
 */
function patchesOf(picture: ImageArtifact, processor: Processor & ProcessorValues): Tensor {
  const { patch_size: patch, temporal_patch_size: times, merge_size: merge } = processor;
  const { width, height } = picture;
  const planes = normalisedPlanes(picture, processor);
  const values = new Float32Array(planes.length * times);
  const block = patch * merge;
  let to = 0;
  for (let top = 0; top < height; top += block) {
    for (let left = 0; left < width; left += block) {
      for (let y = top; y < top + block; y += patch) {
        for (let x = left; x < left + block; x += patch) {
          for (let channel = 0; channel < 3; channel++) {
            for (let time = 0; time < times; time++) {
              for (let row = 0; row < patch; row++, to += patch) {
                const from = (channel * height + y + row) * width + x;
                values.set(planes.subarray(from, from + patch), to);
              }
            }
          }
        }
      }
    }
  }
  const patches = (width / patch) * (height / patch);
  return new Tensor('float32', values, [patches, 3 * times * patch * patch]);
}
