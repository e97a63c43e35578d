import { type ImageProcessor, RawImage } from '@huggingface/transformers';
import type { ImageArtifact } from '../experiment/artifact.js';
import { PanicError } from '../common/errors.js';

interface Kernel {
  /** Half of its width at scale 1, pixels. */
  readonly support: number;
  readonly weight: (x: number) => number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

// Written as in Pillow, so that the last bits of the weights agree.
const kernels = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    support: 2,
    weight: (signed) => {
      const a = -0.5;
      const x = Math.abs(signed);
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    },
  },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
} satisfies Record<string, Kernel>;

export type ResizeKernel = keyof typeof kernels;

/** Pillow's numbers of the kernels, as `preprocessor_config.json` has them in `resample`. */
const kernelsByNumber: Readonly<Record<number, ResizeKernel>> = { 1: 'lanczos', 2: 'bilinear', 3: 'bicubic' };

/** Fraction bits of the weights: of 32 bits, 8 hold a colour and 2 hold overshoot. */
const FRACTION_BITS = 22;
const ROUNDING = 2 ** (FRACTION_BITS - 1);

/** For each place of a row or column: the first pixel of the source that counts, and the weights from there on. */
interface Weights {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** `stride` numbers for each place. */
  readonly values: Int32Array;
  readonly stride: number;
}

/**
 * The picture at `width` x `height` pixels (positive integers), shrunk with antialiasing. The bytes are those of
 * `Image.resize` of Pillow 12, rows first, which image processors in Python use (src/libImaging/Resample.c). Pillow
 * 13 takes columns first for some shapes, and then rounds and clips other intermediate values. All arithmetic is in
 * integers, so that every machine gives the same bytes.
 */
export function resizePicture(
  picture: ImageArtifact,
  width: number,
  height: number,
  kernel: ResizeKernel,
): ImageArtifact {
  let { pixels } = picture;
  if (width !== picture.width) {
    const weights = weightsOf(picture.width, width, kernels[kernel]);
    pixels = resizeRows(pixels, picture.width, picture.height, weights);
  }
  if (height !== picture.height) {
    const weights = weightsOf(picture.height, height, kernels[kernel]);
    pixels = resizeColumns(pixels, width, weights);
  }
  return { modality: 'image', width, height, pixels };
}

/**
 * The picture at the size to which an image processor of transformers.js would bring it, by the processor's own
 * kernel. The library's own resize has no antialiasing, and leaves a picture of the right size alone. Only for
 * processors whose sizes come from `get_resize_output_image_size`; others call resizePicture. Throws PanicError
 * `InvalidInput` for a kernel that this file does not have.
 */
export function pictureForProcessor(processor: ImageProcessor, picture: ImageArtifact): RawImage {
  const raw = new RawImage(picture.pixels, picture.width, picture.height, 3);
  if (!processor.do_resize) return raw;
  const [width, height] = processor.get_resize_output_image_size(raw, processor.size);
  if (width === picture.width && height === picture.height) return raw;
  const kernel = kernelsByNumber[processor.resample];
  if (!kernel) {
    const known = Object.entries(kernelsByNumber).map(([number, name]) => `${number} (${name})`);
    throw new PanicError(
      'InvalidInput',
      `the image processor asks for resample ${processor.resample}; known are ${known.join(', ')}`,
    );
  }
  return new RawImage(resizePicture(picture, width, height, kernel).pixels, width, height, 3);
}

function weightsOf(from: number, to: number, kernel: Kernel): Weights {
  const scale = from / to;
  const filterScale = Math.max(1, scale);
  const support = kernel.support * filterScale;
  const stride = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const values = new Int32Array(to * stride);
  for (let place = 0; place < to; place++) {
    const centre = (place + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const exact: number[] = [];
    for (let x = start; x < end; x++) exact.push(kernel.weight((x - centre + 0.5) * (1 / filterScale)));
    const total = exact.reduce((sum, weight) => sum + weight, 0);
    first[place] = start;
    count[place] = end - start;
    for (const [i, weight] of exact.entries()) {
      const value = (weight / total) * 2 ** FRACTION_BITS;
      values[place * stride + i] = Math.trunc(value < 0 ? value - 0.5 : value + 0.5);
    }
  }
  return { first, count, values, stride };
}

function resizeRows(pixels: Uint8Array, width: number, height: number, weights: Weights): Uint8Array {
  const { first, count, values, stride } = weights;
  const newWidth = first.length;
  // This array clips to 0..255, as Pillow does.
  const result = new Uint8ClampedArray(newWidth * height * 3);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < newWidth; x++, to += 3) {
      let red = ROUNDING;
      let green = ROUNDING;
      let blue = ROUNDING;
      let from = (y * width + first[x]!) * 3;
      for (let i = x * stride, end = i + count[x]!; i < end; i++, from += 3) {
        const weight = values[i]!;
        red += pixels[from]! * weight;
        green += pixels[from + 1]! * weight;
        blue += pixels[from + 2]! * weight;
      }
      result[to] = red >> FRACTION_BITS;
      result[to + 1] = green >> FRACTION_BITS;
      result[to + 2] = blue >> FRACTION_BITS;
    }
  }
  return new Uint8Array(result.buffer);
}

function resizeColumns(pixels: Uint8Array, width: number, weights: Weights): Uint8Array {
  const { first, count, values, stride } = weights;
  const newHeight = first.length;
  const rowBytes = width * 3;
  const sums = new Float64Array(rowBytes);
  const result = new Uint8ClampedArray(rowBytes * newHeight);
  for (let y = 0; y < newHeight; y++) {
    sums.fill(ROUNDING);
    for (let i = 0; i < count[y]!; i++) {
      const weight = values[y * stride + i]!;
      const from = (first[y]! + i) * rowBytes;
      for (let x = 0; x < rowBytes; x++) sums[x] = sums[x]! + pixels[from + x]! * weight;
    }
    for (let x = 0; x < rowBytes; x++) result[y * rowBytes + x] = sums[x]! >> FRACTION_BITS;
  }
  return new Uint8Array(result.buffer);
}
