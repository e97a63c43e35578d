import type { Tensor } from 'onnxruntime-node';
import { PanicError } from '../../experiment/errors.js';

/**
 * The values of a float32 or float16 tensor that is in main memory. Throws PanicError `ModelOutputInvalid` for another type.
 */
export function floatsOf(tensor: Tensor): Float32Array {
  const { data, type } = tensor;
  if (data instanceof Float32Array) return data;
  if (type === 'float16') {
    // The bits, or where JavaScript has it (Node 24) a Float16Array, which TypeScript's library does not know yet.
    return data instanceof Uint16Array ? Float32Array.from(data, fromHalf) : Float32Array.from(data, Number);
  }
  throw new PanicError('ModelOutputInvalid', `the graph answered with ${type} where floats are expected`);
}

/** IEEE 754 binary16, by its bits. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
