/**
 * The whole numbers round(2^(i/2)), i = 0, 1, 2…, each once, from `least` to `most`: 1, 2, 3, 4, 6, 8, 11, 16…
 * Lags and prefixes at which a power law is read off are evenly spaced on a logarithmic axis.
 */
export function ladder(least: number, most: number): Uint32Array {
  const steps: number[] = [];
  for (let exponent = 0; ; exponent++) {
    const step = Math.round(2 ** (exponent / 2));
    if (step > most) return Uint32Array.from(steps);
    if (step >= least && step !== steps.at(-1)) steps.push(step);
  }
}
