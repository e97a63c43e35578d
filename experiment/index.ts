export type { Artifact, ImageArtifact, Modality, TextArtifact } from './artifact.js';
export {
  DEFAULT_CONCURRENCY,
  MAX_LENGTH_LIMIT,
  MAX_RUNS,
  runCoordinates,
  runCount,
  SURROGATE_KINDS,
  surrogateCount,
} from './config.js';
export type { ExperimentConfig, NullModel, RunCoordinates, SurrogateKind } from './config.js';
export { assertNever, isPanicError, PanicError } from '../common/errors.js';
export type { FailureKind } from '../common/errors.js';
export { readExperimentFile } from './file.js';
export {
  canonicalJson,
  drawRunSeed,
  experimentId,
  seedOfStep,
  sha256Hex,
  stepSeed,
  surrogateSeed,
} from './ids.js';
export type { RunSeed } from './ids.js';
export type { Catalogue, EmbeddingModel, GenerativeModel, Model, ModelSettings } from './model.js';
export { formatProblems } from '../common/problems.js';
export type { Problem } from '../common/problems.js';
export type { Fingerprint } from './provenance.js';
export { experimentJsonSchema } from './schema.js';
export { parseExperimentBytes, parseExperimentText, validateExperiment } from './validate.js';
export type { Validation } from './validate.js';
export { planOf } from './plan.js';
export type { ModelWork, Plan, PlanHistory, PlanOptions } from './plan.js';
