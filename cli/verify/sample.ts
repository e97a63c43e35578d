import { PanicError } from '../../common/errors.js';
import { Sfc32 } from '../../common/sfc32.js';

/**
 * The number of invocations that a size such as `1%` or `20` means, of `total`: rounded up, at least one.
 * @throws PanicError `InvalidInput` for other texts.
 */
export function sampleSize(text: string, total: number): number {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text);
  const value = Number(match?.[1]);
  if (match?.[2] === '%' && value > 0 && value <= 100) return Math.ceil((value / 100) * total);
  if (match?.[2] === '' && Number.isInteger(value) && value > 0) return Math.min(value, total);
  throw new PanicError(
    'InvalidInput',
    `--sample is "${text}"; it can be a share such as 1% (above 0, at most 100) or a number of invocations such as 20`,
  );
}

/**
 * Draws `size` of `total` values without repetition, in their order, each with the same chance. It keeps none
 * of them in memory. The same seed draws the same values. Knuth, The Art of Computer Programming, volume 2,
 * section 3.4.2, algorithm S.
 */
export async function* drawSample<T>(
  values: AsyncIterable<T> | Iterable<T>,
  { total, size, seed }: { readonly total: number; readonly size: number; readonly seed: number },
): AsyncGenerator<T, void, undefined> {
  const random = new Sfc32([seed >>> 0, Math.floor(seed / 2 ** 32), 0, 1]);
  let left = size;
  let remaining = total;
  if (left === 0) return;
  for await (const value of values) {
    if (random.word() * remaining < left * 2 ** 32) {
      yield value;
      if (--left === 0) return;
    }
    remaining--;
  }
}
