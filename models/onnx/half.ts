/** IEEE 754 half precision, as bits in 16-bit integers: Node 20 has no Float16Array. */

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

/** The nearest half of each value, ties to even. Values from 65,520 on become an infinity. */
export function toHalf(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, (value) => {
    single[0] = value;
    const word = bits[0]!;
    const sign = (word >>> 16) & 0x8000;
    const magnitude = word & 0x7fffffff;
    // 0x47800000 is 65,536. A NaN becomes a quiet NaN.
    if (magnitude >= 0x47800000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
    // Below 2^-14 a half has a fixed step of 2^-24.
    if (magnitude < 0x38800000) return sign | roundToEven(Math.abs(value) * 2 ** 24);
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  });
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/** The value of a half, exactly, from its bits. */
export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}
