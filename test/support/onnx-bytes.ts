/** Writes Protobuf's wire format: a message of length-delimited fields. */
export function message(...fields: readonly (readonly [number, string | Uint8Array])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([number, content]) => {
      const bytes = Buffer.from(content);
      return [varint(8 * number + 2), varint(bytes.length), bytes];
    }),
  );
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  while (left >= 128) {
    bytes.push((left % 128) + 128);
    left = Math.floor(left / 128);
  }
  return Buffer.from([...bytes, left]);
}

/** A node of an operator; the `domain` '' is that of ONNX. */
export function node(operator: string, domain = '', ...attributes: readonly Buffer[]): Buffer {
  return message(
    [1, 'in'],
    [2, 'out'],
    [4, operator],
    [7, domain],
    ...attributes.map((one) => [5, one] as const),
  );
}

/** A tensor whose values are in another file. */
export function externalTensor(location: string): Buffer {
  return message(
    [8, 'weight'],
    [13, message([1, 'location'], [2, location])],
    [13, message([1, 'offset'], [2, '0'])],
  );
}

/** A model of these nodes, initial tensors and functions. */
export function model(
  nodes: readonly Buffer[],
  tensors: readonly Buffer[] = [],
  functions: readonly Buffer[] = [],
): Buffer {
  const graph = message(
    ...nodes.map((one) => [1, one] as const),
    [2, 'g'],
    ...tensors.map((one) => [5, one] as const),
  );
  // ir_version, a number. Our reader skips such fields.
  return Buffer.concat([
    Buffer.from([8, 9]),
    message([2, 'a test'], [7, graph], ...functions.map((one) => [25, one] as const)),
  ]);
}

/** A field that is a number. */
function number(field: number, value: number): Buffer {
  return Buffer.concat([varint(8 * field), varint(value)]);
}

/**
 * A model that the runtime can open. Each number of `input_ids` becomes a row of a table of float32 in
 * another file. The output `rows` is [inputs, numbers, width].
 */
export function tableModel(rows: number, width: number, location: string): Buffer {
  const floatType = 1;
  const wholeType = 7;
  const valueOf = (name: string, type: number, ...dims: readonly string[]): Buffer => {
    const shape = message(...dims.map((dim) => [1, message([2, dim])] as const));
    const tensor = Buffer.concat([number(1, type), message([2, shape])]);
    return message([1, name], [2, message([1, tensor])]);
  };
  const external = ([key, value]: readonly [string, string]): Buffer =>
    message([13, message([1, key], [2, value])]);
  const table = Buffer.concat([
    number(1, rows),
    number(1, width),
    number(2, floatType),
    message([8, 'table']),
    external(['location', location]),
    external(['offset', '0']),
    external(['length', String(4 * rows * width)]),
    number(14, 1),
  ]);
  const graph = message(
    [1, message([1, 'table'], [1, 'input_ids'], [2, 'rows'], [4, 'Gather'])],
    [2, 'g'],
    [5, table],
    [11, valueOf('input_ids', wholeType, 'inputs', 'numbers')],
    [12, valueOf('rows', floatType, 'inputs', 'numbers', 'width')],
  );
  const operators = Buffer.concat([message([1, '']), number(2, 17)]);
  return Buffer.concat([number(1, 8), message([7, graph], [8, operators])]);
}

/** The smallest valid model. */
export const tinyGraph = model([node('Add')]);
