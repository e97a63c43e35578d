/**
 * An ONNX graph small enough to be written down: y = Conv(x, w) · x, for float32 x of [1, 1, 2, 2] and w of [1, 1, 1, 1].
 * A convolution and a matrix product are what providers hand to libraries of their own (cuDNN, cuBLAS), which may be
 * missing where a session still opens. Encoded as protocol buffers by the field numbers of
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
 */
export function tinyGraph(): Uint8Array {
  const FLOAT = 1;
  const shape = (sizes: readonly number[]): Bytes =>
    message(2, ...sizes.map((size) => message(1, integer(1, size))));
  const value = (field: number, name: string, sizes: readonly number[]): Bytes =>
    message(field, text(1, name), message(2, message(1, integer(1, FLOAT), shape(sizes))));
  const node = (operator: string, inputs: readonly string[], output: string): Bytes =>
    message(1, ...inputs.map((input) => text(1, input)), text(2, output), text(4, operator));
  const graph = message(
    7,
    node('Conv', ['x', 'w'], 'c'),
    node('MatMul', ['c', 'x'], 'y'),
    text(2, 'tiny'),
    value(11, 'x', TINY_INPUTS.x.shape),
    value(11, 'w', TINY_INPUTS.w.shape),
    value(12, 'y', [1, 1, 2, 2]),
  );
  return Uint8Array.from([...integer(1, IR_VERSION), ...graph, ...message(8, integer(2, OPERATOR_SET))]);
}

const IR_VERSION = 8;
const OPERATOR_SET = 13;

export const TINY_INPUTS = {
  x: { shape: [1, 1, 2, 2], values: [1, 2, 3, 4] },
  w: { shape: [1, 1, 1, 1], values: [2] },
} as const;

/** Twice the square of the matrix x. */
export const TINY_OUTPUT = [14, 20, 30, 44] as const;

type Bytes = readonly number[];

const VARINT = 0;
const LENGTH_DELIMITED = 2;

function varint(value: number): Bytes {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)];
}

function integer(field: number, value: number): Bytes {
  return [...varint((field << 3) | VARINT), ...varint(value)];
}

function message(field: number, ...content: readonly Bytes[]): Bytes {
  const bytes = content.flat();
  return [...varint((field << 3) | LENGTH_DELIMITED), ...varint(bytes.length), ...bytes];
}

function text(field: number, value: string): Bytes {
  return message(field, [...new TextEncoder().encode(value)]);
}
