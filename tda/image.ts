import { checkDiagram, finiteBars } from './diagram.js';
import { TdaInputError } from './errors.js';
import { normalProbability } from './gaussian.js';

export interface ImageOptions {
  /** Edges of the image along the births, in their unit. */
  readonly birthRange: readonly [low: number, high: number];
  /** Edges of the image along the persistences (death - birth), in the same unit. */
  readonly persistenceRange: readonly [low: number, high: number];
  /** Number of pixels along either axis, at least 1. */
  readonly resolution: readonly [births: number, persistences: number];
  /** Standard deviation of the Gaussian at each bar, the same along both axes, in the unit of the births; above 0. */
  readonly sigma: number;
  /** A bar weighs its persistence to this power; at least 0. Default: 1. */
  readonly weightPower?: number;
  /**
   * What a pixel holds: the integral of the Gaussians over it (persim's `PersistenceImager`, and the
   * definition), or their density at its centre (GUDHI's `PersistenceImage`), which is about the integral
   * divided by the area of a pixel. Default: integral.
   */
  readonly pixelValue?: 'integral' | 'density';
}

/**
 * Persistence image of a diagram (birth, death, birth, death…): a row for each interval of births, with a
 * value for each interval of persistences, both ascending. With persistence p = death - birth, the value is
 * the sum over the finite bars of p^weightPower · g(birth) · g(p). Here g refers to the normal distribution
 * with standard deviation sigma around the bar: the probability of the pixel's interval ('integral') or the
 * density at its middle ('density').
 *
 * Source: Adams et al., "Persistence images: a stable vector representation of persistent homology", 2017,
 * section 4.
 *
 * Throws TdaInputError, which names the place, for a malformed diagram and for options out of their ranges.
 */
export function persistenceImage(diagram: Float32Array, options: ImageOptions): Float64Array[] {
  checkDiagram(diagram);
  checkOptions(options);
  const { birthRange, persistenceRange, resolution, sigma, weightPower = 1 } = options;
  const profile = options.pixelValue === 'density' ? densities : probabilities;
  const { births, deaths } = finiteBars(diagram);
  const image = Array.from({ length: resolution[0] }, () => new Float64Array(resolution[1]));
  for (let bar = 0; bar < births.length; bar++) {
    const birth = births[bar]!;
    const persistence = deaths[bar]! - birth;
    const weight = persistence ** weightPower;
    const alongPersistences = profile(persistence, sigma, persistenceRange, resolution[1]);
    profile(birth, sigma, birthRange, resolution[0]).forEach((alongBirths, row) => {
      const pixels = image[row]!;
      const height = weight * alongBirths;
      for (let k = 0; k < pixels.length; k++) pixels[k] = pixels[k]! + height * alongPersistences[k]!;
    });
  }
  return image;
}

type Range = readonly [low: number, high: number];

/** Probabilities of equal intervals of a range under the normal distribution around `mean`. */
function probabilities(mean: number, sigma: number, range: Range, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, k) =>
    normalProbability(
      (within(range, k / count) - mean) / sigma,
      (within(range, (k + 1) / count) - mean) / sigma,
    ),
  );
}

/** Densities at the middles of equal intervals of a range under the normal distribution around `mean`. */
function densities(mean: number, sigma: number, range: Range, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, k) => {
    const deviation = (within(range, (k + 0.5) / count) - mean) / sigma;
    return Math.exp((-deviation * deviation) / 2) / (sigma * Math.sqrt(2 * Math.PI));
  });
}

/** The place at a share of the way from the low end of a range to its high end. */
function within([low, high]: Range, share: number): number {
  return low + share * (high - low);
}

function checkOptions(options: ImageOptions): void {
  const { resolution, sigma, weightPower = 1, pixelValue = 'integral' } = options;
  for (const name of ['birthRange', 'persistenceRange'] as const) {
    const [low, high] = options[name];
    if (!Number.isFinite(low) || !Number.isFinite(high) || !(low < high)) {
      throw new TdaInputError(
        `${name} is [${String(low)}, ${String(high)}]; expected finite numbers in this order`,
      );
    }
  }
  resolution.forEach((pixels, axis) => {
    if (!Number.isSafeInteger(pixels) || pixels < 1) {
      throw new TdaInputError(
        `resolution[${axis}] is ${String(pixels)}; expected a whole number of pixels, at least 1`,
      );
    }
  });
  if (!(sigma > 0 && sigma < Infinity)) {
    throw new TdaInputError(`sigma is ${String(sigma)}; expected a finite number above 0`);
  }
  if (!(weightPower >= 0 && weightPower < Infinity)) {
    throw new TdaInputError(`weightPower is ${String(weightPower)}; expected a finite number of at least 0`);
  }
  if (pixelValue !== 'integral' && pixelValue !== 'density') {
    throw new TdaInputError(`pixelValue is ${String(pixelValue)}; expected 'integral' or 'density'`);
  }
}
