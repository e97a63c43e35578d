import type { ImageArtifact } from '../../experiment/artifact.js';
import { PanicError } from '../../common/errors.js';
import { requireFinite } from './pipeline.js';
import type { Floats } from './tensors.js';

/** A picture of channels x rows x columns, about -1..1, as values 0..1 in rows of pixels (height x width x 3). */
export function unitPixels({ data, dims }: Floats): Float32Array {
  const plane = dims[2]! * dims[3]!;
  const pixels = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let channel = 0; channel < 3; channel++) {
      const value = data[channel * plane + i]! / 2 + 0.5;
      pixels[3 * i + channel] = Math.min(Math.max(value, 0), 1);
    }
  }
  return pixels;
}

/**
 * The picture in 8 bits, rounded as diffusers rounds: halves to even. Throws PanicError `ModelOutputInvalid` where
 * the decoder's answer is not finite, or has another size than `width` x `height`.
 */
export function toArtifact(picture: Floats, width: number, height: number): ImageArtifact {
  const [, channels, rows, columns] = picture.dims;
  if (channels !== 3 || rows !== height || columns !== width) {
    throw new PanicError(
      'ModelOutputInvalid',
      `the decoder gave ${picture.dims.join(' x ')} values for a picture of ${width} x ${height} pixels`,
    );
  }
  requireFinite(picture.data, "the decoder's values");
  // A Uint8ClampedArray rounds halves to even.
  const pixels = new Uint8ClampedArray(unitPixels(picture).map((value) => value * 255));
  return { modality: 'image', width, height, pixels: new Uint8Array(pixels.buffer) };
}
