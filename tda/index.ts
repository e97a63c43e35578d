export { BAR_MEASURES, barStatistics } from './bar-statistics.js';
export { bottleneckDistance } from './bottleneck.js';
export { euclideanDistances } from './distances.js';
export { TdaInputError, TdaMemoryError } from './errors.js';
export { persistenceImage, type ImageOptions } from './image.js';
export { persistenceLandscape, type LandscapeOptions } from './landscape.js';
export type { EdgeClasses } from './kernel.js';
export { predictRipsMemory } from './memory.js';
export { nullRank, type NullRank } from './null-rank.js';
export { ripsPersistence, type RipsInput, type RipsOptions, type RipsResult } from './rips.js';
export { sortedLifetimesDistance } from './sorted-lifetimes.js';
export {
  bettiCurve,
  type EntropyOptions,
  longestLifetime,
  persistenceEntropy,
  totalPersistence,
} from './summaries.js';
export { surrogate, type SurrogateKind } from './surrogates.js';
export { DIAGRAM_START_SECONDS, predictRipsSeconds, predictSurrogateSeconds } from './time.js';
export { wassersteinDistance, type WassersteinOptions } from './wasserstein.js';
