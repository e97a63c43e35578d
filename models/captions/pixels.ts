import { Tensor } from '@huggingface/transformers';
import { z } from 'zod';
import type { ImageArtifact } from '../../experiment/artifact.js';
import { requireAgreement } from '../agreement.js';
import { type ResizeKernel, resizePicture } from '../pictures.js';
import type { ModelFolder } from './model-folder.js';

const perChannel = z.tuple([z.number(), z.number(), z.number()]);
/** Pillow's numbers of its filters. */
const resample = z.union([z.literal(1), z.literal(2), z.literal(3)]);
type Resample = z.output<typeof resample>;
const KERNELS: Readonly<Record<Resample, ResizeKernel>> = { 1: 'lanczos', 2: 'bilinear', 3: 'bicubic' };

/**
 * The part of `preprocessor_config.json` that every family reads. Other keys belong to a family, or do not concern
 * pictures. A key that the file leaves out has the default of its class in transformers; `usual` is the filter of
 * that class.
 */
export function processorValues(usual: Resample) {
  return z
    .looseObject({
      do_resize: z.literal(true).default(true),
      resample: resample.default(usual),
      do_rescale: z.literal(true).default(true),
      rescale_factor: z.number().default(1 / 255),
      do_normalize: z.literal(true).default(true),
      image_mean: perChannel,
      image_std: perChannel,
    })
    .transform((config) => ({ ...config, kernel: KERNELS[config.resample] }));
}
export type ProcessorValues = z.output<ReturnType<typeof processorValues>>;

const bothSides = z.union([
  z
    .int()
    .positive()
    .transform((side) => ({ width: side, height: side })),
  z.looseObject({ width: z.int().positive(), height: z.int().positive() }),
]);

/** A processor that brings every picture to one size. Cropping may be on where it leaves that size as it is. */
export function fixedSizeProcessor(usual: Resample) {
  return processorValues(usual)
    .and(
      z.looseObject({
        size: bothSides,
        do_center_crop: z.boolean().nullish(),
        crop_size: bothSides.nullish(),
        do_pad: z.literal(false).nullish(),
      }),
    )
    .refine(
      ({ size, do_center_crop: crops, crop_size: crop }) =>
        crops !== true || (crop?.width === size.width && crop.height === size.height),
      { error: 'a crop to another size than the picture is brought to is not supported' },
    );
}
export type FixedSizeProcessor = z.output<ReturnType<typeof fixedSizeProcessor>>;

/**
 * Throws PanicError `InvalidInput` where the processor's size is not the size of the vision tower, which
 * `config.json` states under these keys. The tower has positions for that one size.
 */
export async function requireTowerSize(
  folder: ModelFolder,
  { size }: FixedSizeProcessor,
  ...keys: readonly string[]
): Promise<void> {
  const made = await folder.statement('config.json', ...keys);
  for (const [side, value] of Object.entries({ height: size.height, width: size.width })) {
    requireAgreement(`${side} of a picture`, [
      made,
      { value, where: `preprocessor_config.json: size (${side})` },
    ]);
  }
}

/** `pixel_values` [1, 3, height, width] of a picture that was brought to the processor's size. */
export function fixedSizePixels(picture: ImageArtifact, processor: FixedSizeProcessor): Tensor {
  const { width, height } = processor.size;
  const planes = normalisedPlanes(resizePicture(picture, width, height, processor.kernel), processor);
  return new Tensor('float32', planes, [1, 3, height, width]);
}

/**
 * A picture as three planes (red, green, blue) of float32, rescaled and normalised: bit for bit what the image processors of
 * transformers compute (float64 product rounded to float32, then float32 arithmetic).
 */
export function normalisedPlanes(picture: ImageArtifact, processor: ProcessorValues): Float32Array {
  const { pixels } = picture;
  const size = picture.width * picture.height;
  const planes = new Float32Array(size * 3);
  for (let channel = 0; channel < 3; channel++) {
    const table = valuesOfLevels(processor, channel);
    for (let i = 0, from = channel, to = channel * size; i < size; i++, from += 3, to++) {
      planes[to] = table[pixels[from]!]!;
    }
  }
  return planes;
}

function valuesOfLevels(processor: ProcessorValues, channel: number): Float32Array {
  const mean = Math.fround(processor.image_mean[channel]!);
  const deviation = Math.fround(processor.image_std[channel]!);
  return Float32Array.from({ length: 256 }, (_, level) => {
    const scaled = Math.fround(level * processor.rescale_factor);
    return Math.fround(scaled - mean) / deviation;
  });
}
