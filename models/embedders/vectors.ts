import type { Tensor } from 'onnxruntime-node';
import { assertNever, PanicError } from '../../common/errors.js';
import { floatsOf } from '../onnx/floats.js';
import type { EmbedderSettings } from './settings.js';

/** The default of torch.nn.functional.layer_norm. */
const LAYER_NORM_EPSILON = 1e-5;

/**
 * Takes one vector for each input of a batch from an output of a graph: [inputs, width], or [inputs, tokens, width]
 * without padding, of which `settings.pooling` takes one vector. Then come layer norm, truncation and length 1, as
 * the settings say.
 *
 * Throws PanicError `ModelOutputInvalid` for an output of another shape.
 */
export function vectorsOf(output: Tensor, inputs: number, settings: EmbedderSettings): Float32Array[] {
  const { pooling } = settings;
  const [rows, tokens = 1, width = tokens] = output.dims;
  if (rows !== inputs || output.dims.length !== (pooling === 'none' ? 2 : 3)) {
    throw new PanicError(
      'ModelOutputInvalid',
      `the graph's ${settings.output} has the shape [${output.dims.join(', ')}] for ${inputs} inputs, ` +
        `which does not go with pooling ${pooling}`,
    );
  }
  const values = floatsOf(output);
  const stride = values.length / inputs;
  return Array.from({ length: inputs }, (_, row) => {
    const own = values.subarray(row * stride, (row + 1) * stride);
    return finished(pooled(own, width, pooling), settings);
  });
}

function pooled(own: Float32Array, width: number, pooling: EmbedderSettings['pooling']): Float64Array {
  switch (pooling) {
    case 'mean':
      return meanOf(own, width);
    case 'last':
      return Float64Array.from(own.subarray(-width));
    // With `none`, the output has these values alone.
    case 'cls':
    case 'none':
      return Float64Array.from(own.subarray(0, width));
    default:
      return assertNever(pooling);
  }
}

function meanOf(own: Float32Array, width: number): Float64Array {
  const mean = new Float64Array(width);
  for (let at = 0; at < own.length; at += width) {
    for (let i = 0; i < width; i++) mean[i] = mean[i]! + own[at + i]!;
  }
  const tokens = own.length / width;
  return mean.map((sum) => sum / tokens);
}

function finished(vector: Float64Array, settings: EmbedderSettings): Float32Array {
  const level = settings.layer_norm ? layerNorm(vector) : vector;
  const kept = level.subarray(0, settings.truncate_dimension);
  const length = settings.normalize ? Math.sqrt(kept.reduce((sum, value) => sum + value * value, 0)) : 1;
  return Float32Array.from(kept, (value) => value / length);
}

function layerNorm(vector: Float64Array): Float64Array {
  const mean = vector.reduce((sum, value) => sum + value, 0) / vector.length;
  const variance = vector.reduce((sum, value) => sum + (value - mean) ** 2, 0) / vector.length;
  const scale = 1 / Math.sqrt(variance + LAYER_NORM_EPSILON);
  return vector.map((value) => (value - mean) * scale);
}
