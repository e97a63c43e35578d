export { benjaminiHochberg, holm } from './adjusted-p.js';
export { adjustedRandIndex, clusteredInBoth } from './adjusted-rand.js';
export type { Design } from './arrangements.js';
export { type Autocorrelation, autocorrelation } from './autocorrelation.js';
export { clusterCorpus, type CorpusClustering } from './clusters/cluster-corpus.js';
export {
  type ClusterStability,
  clusterStability,
  type StabilityOptions,
} from './clusters/cluster-stability.js';
export type { ClusterParameters, CorpusOptions } from './clusters/corpus-parameters.js';
export type { Corpus } from './clusters/corpus.js';
export { type Cluster, type Clustering, hdbscan, type HdbscanOptions } from './clusters/hdbscan.js';
export { NOISE } from './clusters/membership.js';
export { predictCorpusMemory, predictHdbscanMemory } from './clusters/memory.js';
export type { NoiseShare } from './clusters/noise-share.js';
export type { Projection } from './clusters/prepared-points.js';
export type { ClusterSelection } from './clusters/selection.js';
export type { WeightedPoints } from './clusters/weighted-points.js';
export { extendCycle, type InvocationCycle } from './cycle-extension.js';
export { distinctGrowth, type DistinctGrowth } from './distinct-growth.js';
export { drift, type Drift, type DriftCurve, type DriftOrigins } from './drift.js';
export { AnalysisInputError } from './errors.js';
export { exactCycle } from './exact-cycle.js';
export type { KaplanMeier } from './kaplan-meier.js';
export { kaplanMeier } from './kaplan-meier.js';
export { kendallTau } from './kendall.js';
export type { LogRank } from './log-rank.js';
export { logRank } from './log-rank.js';
export { meanSquaredDisplacement, type MeanSquaredDisplacement } from './mean-squared-displacement.js';
export { type EndCycle, nearCycle } from './near-cycle.js';
export type { Components, Pca, PcaOptions } from './pca.js';
export { pca, project } from './pca.js';
export type { Points } from './points.js';
export { rarefaction } from './rarefaction.js';
export { recurrenceOrder, type RecurrenceOrder } from './recurrence-order.js';
export { recurrence, type Recurrence, type RecurrenceSetting } from './recurrence.js';
export type { RelabellingInput, RelabellingTest } from './relabelling.js';
export { relabellingTest } from './relabelling.js';
export { ANALYSIS_REVISION, type RunContext, runStatistics, type RunStatistics } from './run-statistics.js';
export { partialSpearman, spearman } from './spearman.js';
export { stepStatistics, type StepStatistics } from './step-statistics.js';
export type { NoiseRule } from './symbols/noise.js';
export type { ClusterSymbol, SymbolRun } from './symbols/symbol-runs.js';
export type { SymbolStatistics } from './symbols/symbol-statistics.js';
export { type SymbolOptions, symbols } from './symbols/symbols.js';
export type { Trajectory } from './trajectory.js';
