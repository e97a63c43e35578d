import type { Tensor } from 'onnxruntime-node';
import { PanicError } from '../../common/errors.js';
import { fromHalf } from './half.js';

/**
 * The values of a float32 or float16 tensor that is in main memory. Throws PanicError `ModelOutputInvalid` for another type.
 */
export function floatsOf(tensor: Tensor): Float32Array {
  const { data, type } = tensor;
  if (data instanceof Float32Array) return data;
  if (type === 'float16') {
    // The data are the bits, or a Float16Array where JavaScript has that type (Node 24). TypeScript's library does
    // not know it yet.
    return data instanceof Uint16Array ? Float32Array.from(data, fromHalf) : Float32Array.from(data, Number);
  }
  throw new PanicError('ModelOutputInvalid', `the graph answered with ${type} where floats are expected`);
}
