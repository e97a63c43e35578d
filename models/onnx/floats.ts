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
    // The bits, or where JavaScript has it (Node 24) a Float16Array, which TypeScript's library does not know yet.
    return data instanceof Uint16Array ? Float32Array.from(data, fromHalf) : Float32Array.from(data, Number);
  }
  throw new PanicError('ModelOutputInvalid', `the graph answered with ${type} where floats are expected`);
}
