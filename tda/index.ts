export { euclideanDistances } from './distances.js';
export { TdaInputError, TdaMemoryError } from './errors.js';
export { predictRipsMemory } from './memory.js';
export { ripsPersistence, type RipsInput, type RipsOptions, type RipsResult } from './rips.js';
export { bettiCurve, persistenceEntropy } from './summaries.js';
