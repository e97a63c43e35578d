/**
 * An ONNX graph that is small enough to write down: y = Conv(x, w) · x, for float32 x of [1, 1, 3, 3] and w of [1,
 * 1, 3, 3], with a border of zeros around x. Providers hand a convolution and a matrix product to libraries of
 * their own (cuDNN, cuBLAS), which may be missing where a session still opens. A kernel of 1 x 1 would itself be a
 * matrix product. The encoding is that of protocol buffers, by the field numbers of
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
 */
export function tinyGraph(): Uint8Array {
  const border = message(
    5,
    text(1, 'pads'),
    ...[1, 1, 1, 1].map((size) => integer(8, size)),
    integer(20, INTS),
  );
  return graphOf(
    [node('Conv', ['x', 'w'], 'c', border), node('MatMul', ['c', 'x'], 'y')],
    { x: TINY_INPUTS.x.shape, w: TINY_INPUTS.w.shape },
    { y: TINY_INPUTS.x.shape },
  );
}

/** An ONNX graph with enough work to measure a device: y = x · x · x, for a square matrix x of float32. */
export function productGraph(size: number): Uint8Array {
  const shape = [size, size];
  return graphOf(
    [node('MatMul', ['x', 'x'], 'c'), node('MatMul', ['c', 'x'], 'y')],
    { x: shape },
    { y: shape },
  );
}

type Shapes = Readonly<Record<string, readonly number[]>>;

function graphOf(nodes: readonly Bytes[], inputs: Shapes, outputs: Shapes): Uint8Array {
  const shape = (sizes: readonly number[]): Bytes =>
    message(2, ...sizes.map((size) => message(1, integer(1, size))));
  const values = (field: number, shapes: Shapes): readonly Bytes[] =>
    Object.entries(shapes).map(([name, sizes]) =>
      message(field, text(1, name), message(2, message(1, integer(1, FLOAT), shape(sizes)))),
    );
  const graph = message(7, ...nodes, text(2, 'tiny'), ...values(11, inputs), ...values(12, outputs));
  return Uint8Array.from([...integer(1, IR_VERSION), ...graph, ...message(8, integer(2, OPERATOR_SET))]);
}

function node(operator: string, inputs: readonly string[], output: string, ...attributes: Bytes[]): Bytes {
  const names = inputs.map((input) => text(1, input));
  return message(1, ...names, text(2, output), text(4, operator), ...attributes);
}

/** TensorProto.DataType and AttributeProto.AttributeType. */
const FLOAT = 1;
const INTS = 7;
const IR_VERSION = 8;
const OPERATOR_SET = 13;

export const TINY_INPUTS = {
  x: { shape: [1, 1, 3, 3], values: [1, 2, 3, 4, 5, 6, 7, 8, 9] },
  w: { shape: [1, 1, 3, 3], values: [1, 0, -1, 2, 1, 0, 0, -2, 3] },
} as const;

/** Small whole numbers, which every device computes exactly. */
export const TINY_OUTPUT = [21, 36, 51, 100, 134, 168, 292, 344, 396] as const;

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
