import { PanicError } from '../../experiment/errors.js';
import { Sfc32 } from '../../experiment/sfc32.js';

/** How many of `total` a size such as `1%` or `20` asks for: rounded up, at least one. Throws InvalidInput for other texts. */
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

/** `size` of the values, none twice, in their order. The same seed draws the same. */
export function drawSample(values: readonly number[], size: number, seed: number): number[] {
  const random = new Sfc32([seed >>> 0, Math.floor(seed / 2 ** 32), 0, 1]);
  const pool = values.map((_, index) => index);
  // The first steps of Fisher and Yates's shuffle. 2^32 is so much more than any number of rows that the bias is nothing.
  for (let i = 0; i < size; i++) {
    const j = i + (random.word() % (pool.length - i));
    [pool[i], pool[j]] = [pool[j]!, pool[i]!];
  }
  return pool
    .slice(0, size)
    .sort((a, b) => a - b)
    .map((index) => values[index]!);
}
