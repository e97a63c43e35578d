import { SmolVLMForConditionalGeneration, Tensor } from '@huggingface/transformers';
import { z } from 'zod';
import type { ImageArtifact } from '../../experiment/artifact.js';
import { requireAgreement, type Statement } from '../agreement.js';
import { resizePicture, type ResizeKernel } from '../pictures.js';
import { chatAbout, type OpenFamily, tokensOf } from './family.js';
import type { ModelFolder } from './model-folder.js';
import { normalisedPlanes, processorValues } from './pixels.js';
import type { SettingsOf } from './settings.js';

const longestEdge = z.looseObject({ longest_edge: z.int().positive() });
const processorSchema = processorValues(1).and(
  z.looseObject({ size: longestEdge, max_image_size: longestEdge }),
);
/** Tokens for each tile. */
const promptSchema = z.looseObject({ image_seq_len: z.int().positive() });
/** The largest side to which a picture is enlarged (`MAX_IMAGE_SIZE` of the Python processor). */
const LARGEST_SIDE = 4096;

/** Tiles in rows, each a square of the vision encoder's size; the last tile is the picture as a whole. */
interface Tiles {
  /** 0 where the whole picture is the only tile. */
  readonly rows: number;
  readonly columns: number;
  readonly pictures: readonly ImageArtifact[];
}

/**
 * SmolVLM and Idefics3: SigLIP and a Llama. This program prepares the picture, since the library resizes without
 * antialiasing, and only after it has made numbers of the colours.
 */
export const openSmolVlm: OpenFamily<SettingsOf<'smolvlm'>> = async (folder, settings) => {
  const tokenizer = await folder.tokenizer();
  const processor = await folder.json('preprocessor_config.json', processorSchema);
  const { image_seq_len: tokensPerTile } = await folder.json('processor_config.json', promptSchema);
  await requireFit(folder, processor.max_image_size.longest_edge, tokensPerTile);
  const model = await folder.open(SmolVLMForConditionalGeneration);
  const chat = await chatAbout(folder, settings.prompt);
  const side = processor.max_image_size.longest_edge;
  return {
    model,
    tokenizer,
    inputsFor: async (picture) => {
      const resized = atLongestEdge(picture, processor.size.longest_edge, processor.kernel);
      const tiles = settings.image_splitting
        ? split(resized, side, processor.kernel)
        : { rows: 0, columns: 0, pictures: [resizePicture(resized, side, side, processor.kernel)] };
      const count = tiles.pictures.length;
      const pixels = new Float32Array(count * 3 * side * side);
      for (const [i, tile] of tiles.pictures.entries()) {
        pixels.set(normalisedPlanes(tile, processor), i * 3 * side * side);
      }
      return {
        ...(await tokensOf(
          tokenizer,
          chat.replace('<image>', () => pictureTokens(tiles, tokensPerTile)),
        )),
        pixel_values: new Tensor('float32', pixels, [1, count, 3, side, side]),
        pixel_attention_mask: new Tensor('bool', new Uint8Array(count * side * side).fill(1), [
          1,
          count,
          side,
          side,
        ]),
      };
    },
  };
};

/**
 * Throws PanicError `InvalidInput` where the tiles have another size than the vision encoder's pictures, or where
 * the prompt has another number of tokens for a tile than the encoder gives. The encoder makes one token of
 * `scale_factor` squared patches.
 */
async function requireFit(folder: ModelFolder, side: number, tokensPerTile: number): Promise<void> {
  const stated = async (...keys: string[]): Promise<Statement> =>
    await folder.statement('config.json', ...keys);
  const size = await stated('vision_config', 'image_size');
  const tile = { value: side, where: 'preprocessor_config.json: max_image_size.longest_edge' };
  requireAgreement('pixels a side of a tile', [size, tile]);
  const [patch, scale] = [await stated('vision_config', 'patch_size'), await stated('scale_factor')];
  const given =
    patch.value === null || scale.value === null ? null : (side / patch.value) ** 2 / scale.value ** 2;
  requireAgreement('tokens of a tile', [
    { value: tokensPerTile, where: 'processor_config.json: image_seq_len' },
    { value: given, where: `${patch.where} and scale_factor` },
  ]);
}

/** The picture with its longer side at `longest` pixels and its other side even, as the Python processor rounds it. */
function atLongestEdge(picture: ImageArtifact, longest: number, kernel: ResizeKernel): ImageArtifact {
  const aspect = picture.width / picture.height;
  let [width, height] = aspect >= 1 ? [longest, even(longest / aspect)] : [even(longest * aspect), longest];
  if (Math.max(width, height) > LARGEST_SIDE) {
    const bounded = width / height;
    [width, height] =
      bounded >= 1
        ? [LARGEST_SIDE, Math.trunc(LARGEST_SIDE / bounded)]
        : [Math.trunc(LARGEST_SIDE * bounded), LARGEST_SIDE];
  }
  return resizePicture(picture, Math.max(1, width), Math.max(1, height), kernel);
}

function even(length: number): number {
  const whole = Math.trunc(length);
  return whole + (whole % 2);
}

/** Cuts a picture into tiles. Both sides become multiples of `side`, even where that changes the proportions. */
function split(picture: ImageArtifact, side: number, kernel: ResizeKernel): Tiles {
  const aspect = picture.width / picture.height;
  const upwards = (length: number): number => Math.ceil(length / side) * side;
  const [width, height] =
    aspect >= 1
      ? [upwards(picture.width), upwards(Math.trunc(upwards(picture.width) / aspect))]
      : [upwards(Math.trunc(upwards(picture.height) * aspect)), upwards(picture.height)];
  const fitted = resizePicture(picture, width, height, kernel);
  const [rows, columns] = [height / side, width / side];
  if (rows === 1 && columns === 1) return { rows: 0, columns: 0, pictures: [fitted] };
  const pictures: ImageArtifact[] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++)
      pictures.push(crop(fitted, column * side, row * side, side));
  }
  return { rows, columns, pictures: [...pictures, resizePicture(fitted, side, side, kernel)] };
}

function crop(picture: ImageArtifact, left: number, top: number, side: number): ImageArtifact {
  const pixels = new Uint8Array(side * side * 3);
  for (let row = 0; row < side; row++) {
    const start = ((top + row) * picture.width + left) * 3;
    pixels.set(picture.pixels.subarray(start, start + side * 3), row * side * 3);
  }
  return { modality: 'image', width: side, height: side, pixels };
}

/** The tokens that stand for a picture's tiles in the prompt. */
function pictureTokens({ rows, columns }: Tiles, tokensPerTile: number): string {
  const around = '<fake_token_around_image>';
  const tile = '<image>'.repeat(tokensPerTile);
  let text = '';
  for (let row = 1; row <= rows; row++) {
    for (let column = 1; column <= columns; column++) text += `${around}<row_${row}_col_${column}>${tile}`;
    text += '\n';
  }
  return `${text}${rows > 0 ? '\n' : ''}${around}<global-img>${tile}${around}`;
}
