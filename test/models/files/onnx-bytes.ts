/** Protobuf's wire format, written: a message of fields with a length. */
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

/** A node of an operator; `domain` '' is that of ONNX. */
export function node(operator: string, domain = '', ...attributes: readonly Buffer[]): Buffer {
  return message(
    [1, 'in'],
    [2, 'out'],
    [4, operator],
    [7, domain],
    ...attributes.map((one) => [5, one] as const),
  );
}

/** A tensor whose values lie in another file. */
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
  // ir_version, a number: such fields are skipped.
  return Buffer.concat([
    Buffer.from([8, 9]),
    message([2, 'a test'], [7, graph], ...functions.map((one) => [25, one] as const)),
  ]);
}

/** The smallest model that is one. */
export const tinyGraph = model([node('Add')]);
