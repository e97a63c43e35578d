export { euclideanDistances } from './distances.js';
export { TdaInputError, TdaMemoryError } from './errors.js';
export { predictRipsMemory } from './memory.js';
export { nullRank, type NullRank } from './null-rank.js';
export { ripsPersistence, type RipsInput, type RipsOptions, type RipsResult } from './rips.js';
export { barLengths, bettiCurve, persistenceEntropy, type BarLengths } from './summaries.js';
export { surrogate, type SurrogateKind } from './surrogates.js';
