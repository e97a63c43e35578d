import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { PanicError } from '../../common/errors.js';

export type Feeds = Readonly<Record<string, Tensor>>;

/**
 * Makes a function that feeds a text graph with a batch of token ids, all of equal length, so that there is no
 * padding. Throws PanicError `InvalidInput` for an input of the graph for which no right value is known.
 *
 * @param imageSize Pixels a side, for a graph that wants `pixel_values` as well.
 */
export function tokenFeeder(
  inputs: readonly InferenceSession.ValueMetadata[],
  imageSize: number | undefined,
): (batch: readonly (readonly number[])[]) => Feeds {
  const feeders = inputs.map((input) => [input.name, feederOf(input, imageSize)] as const);
  return (batch) => Object.fromEntries(feeders.map(([name, feed]) => [name, feed(batch)]));
}

type Feeder = (batch: readonly (readonly number[])[]) => Tensor;

function feederOf(input: InferenceSession.ValueMetadata, imageSize: number | undefined): Feeder {
  const { name } = input;
  if (input.isTensor && input.type === 'int64') {
    if (name === 'input_ids') return (batch) => integers(batch, BigInt);
    if (name === 'attention_mask') return (batch) => integers(batch, () => 1n);
    if (name === 'token_type_ids') return (batch) => integers(batch, () => 0n);
    if (name === 'position_ids') return (batch) => integers(batch, (_, position) => BigInt(position));
  }
  if (input.isTensor && input.type === 'float32') {
    if (name === 'pixel_values' && imageSize !== undefined) {
      return () => new Tensor('float32', new Float32Array(), [0, 3, imageSize, imageSize]);
    }
    // Exports of language models want the keys and values of earlier tokens. There are no earlier tokens.
    const [, heads, , width] = input.shape;
    if (name.startsWith('past_key_values.') && typeof heads === 'number' && typeof width === 'number') {
      return (batch) => new Tensor('float32', new Float32Array(), [batch.length, heads, 0, width]);
    }
  }
  const wanted = input.isTensor ? `${input.type} [${input.shape.join(', ')}]` : 'no tensor';
  throw new PanicError(
    'InvalidInput',
    `the graph wants an input ${name} (${wanted}), which text embedders cannot feed` +
      (name === 'pixel_values' ? ' without the setting image_size' : ''),
  );
}

function integers(
  batch: readonly (readonly number[])[],
  valueOf: (id: number, position: number) => bigint,
): Tensor {
  const values = BigInt64Array.from(batch.flatMap((ids) => ids.map(valueOf)));
  return new Tensor('int64', values, [batch.length, batch[0]!.length]);
}
