/** Numbers in row-major order. A graph converts them to the type that it declares. */
export interface Numbers {
  readonly data: Float32Array | readonly number[];
  readonly dims: readonly number[];
}

export interface Floats extends Numbers {
  readonly data: Float32Array;
}

/** Tensors that agree in all dimensions but the first, one after the other. */
export function stack(...parts: readonly Floats[]): Floats {
  const [first] = parts;
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return { data, dims: [parts.reduce((sum, part) => sum + part.dims[0]!, 0), ...first!.dims.slice(1)] };
}

/** Zeros in the shape of a tensor. */
export function zeros({ dims, data }: Floats): Floats {
  return { dims, data: new Float32Array(data.length) };
}

/** Tensors of batch x tokens x width that agree in batch and tokens, joined along the width. */
export function sideBySide(...parts: readonly Floats[]): Floats {
  const widths = parts.map((part) => part.dims[2]!);
  const width = widths.reduce((sum, one) => sum + one, 0);
  const [batch, rows] = [parts[0]!.dims[0]!, parts[0]!.dims[1]!];
  const data = new Float32Array(batch * rows * width);
  for (let row = 0; row < batch * rows; row++) {
    let at = row * width;
    for (const [k, part] of parts.entries()) {
      data.set(part.data.subarray(row * widths[k]!, (row + 1) * widths[k]!), at);
      at += widths[k]!;
    }
  }
  return { data, dims: [batch, rows, width] };
}

/** A tensor of batch x tokens x width, widened with zeros behind each token. */
export function widened({ data, dims }: Floats, width: number): Floats {
  const [batch, rows, before] = [dims[0]!, dims[1]!, dims[2]!];
  if (before === width) return { data, dims };
  return sideBySide(
    { data, dims },
    { data: new Float32Array(batch * rows * (width - before)), dims: [batch, rows, width - before] },
  );
}

/** Tensors of batch 1 x tokens x width, joined along the tokens. */
export function inSequence(...parts: readonly Floats[]): Floats {
  const rows = stack(...parts.map(({ data, dims }) => ({ data, dims: dims.slice(1) })));
  return { data: rows.data, dims: [1, ...rows.dims] };
}
