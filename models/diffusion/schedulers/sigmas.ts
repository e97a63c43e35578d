/** Noise over signal, sigma = sqrt((1 - share) / share), at each of the training's timesteps; float32 as in diffusers. */
export function trainedSigmas(shares: Float32Array): Float32Array {
  return shares.map((share) => Math.sqrt(Math.fround(Math.fround(1 - share) / share)));
}

/** The sigma at a timestep between those of the training, linear between its neighbours (numpy.interp). */
export function sigmaAt(sigmas: Float32Array, timestep: number): number {
  const last = sigmas.length - 1;
  const low = Math.min(Math.max(Math.floor(timestep), 0), last);
  const high = Math.min(low + 1, last);
  const part = Math.min(Math.max(timestep - low, 0), 1);
  return sigmas[low]! + part * (sigmas[high]! - sigmas[low]!);
}

const RHO = 7;

/** Karras et al., "Elucidating the design space of diffusion-based generative models", 2022, equation 5. */
export function karrasSigmas(largest: number, least: number, steps: number): number[] {
  const [top, bottom] = [largest ** (1 / RHO), least ** (1 / RHO)];
  return Array.from(
    { length: steps },
    (_, i) => (top + (i / Math.max(steps - 1, 1)) * (bottom - top)) ** RHO,
  );
}

/**
 * The timestep whose sigma is `sigma`, linear in its logarithm between those of the training. As in diffusers, the
 * logarithms of the training's sigmas are float32: where timesteps are cut to whole numbers, the last bit decides.
 */
export function timestepOf(sigmas: Float32Array, sigma: number): number {
  const wanted = Math.log(Math.max(sigma, 1e-10));
  let low = 0;
  while (low < sigmas.length - 2 && logOf(sigmas[low + 1]!) <= wanted) low++;
  const [below, above] = [logOf(sigmas[low]!), logOf(sigmas[low + 1]!)];
  const part = Math.min(Math.max((below - wanted) / Math.fround(below - above), 0), 1);
  return (1 - part) * low + part * (low + 1);
}

function logOf(sigma: number): number {
  return Math.fround(Math.log(sigma));
}
