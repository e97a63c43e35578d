export { benjaminiHochberg, holm } from './inference/adjusted-p.js';
export { adjustedRandIndex, clusteredInBoth } from './inference/adjusted-rand.js';
export type { Design } from './inference/arrangements.js';
export { type Autocorrelation, autocorrelation } from './run/autocorrelation.js';
export { changePoints, type ChangePoints, type Segmentation } from './changes/change-points.js';
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
export { convergence, type Convergence, type ConvergenceOptions } from './groups/convergence.js';
export { extendCycle, type InvocationCycle } from './run/cycle-extension.js';
export {
  type DiagramDistance,
  diagramDistances,
  predictDiagramDistances,
} from './groups/diagram-distances.js';
export { type DiagramGroups, diagramGroups, type DiagramGroupsInput } from './groups/diagram-groups.js';
export { distinctGrowth, type DistinctGrowth } from './run/distinct-growth.js';
export { divergence, type Divergence, type EarlyExponent, type LogSlope } from './groups/divergence.js';
export { drift, type Drift, type DriftCurve, type DriftOrigins } from './run/drift.js';
export { endPoints } from './groups/end-points.js';
export { energy, type Energy, type EnergyDistance } from './groups/energy.js';
export { AnalysisInputError } from './errors.js';
export { exactCycle } from './run/exact-cycle.js';
export type { FactorTest } from './groups/factor-tests.js';
export {
  type FactorEffect,
  type FactorEffects,
  type FactorRun,
  type Factors,
  factors,
} from './groups/factors.js';
export { groupDistances, type GroupDistances } from './groups/group-distances.js';
export type { GroupTest, GroupTestOptions } from './groups/group-test.js';
export { kaplanMeier, type KaplanMeier } from './inference/kaplan-meier.js';
export { kendallTau } from './inference/kendall.js';
export { logRank, type LogRank } from './inference/log-rank.js';
export { meanSquaredDisplacement, type MeanSquaredDisplacement } from './run/mean-squared-displacement.js';
export { type EndCycle, nearCycle } from './run/near-cycle.js';
export { pca, type Pca, type PcaOptions } from './components/pca.js';
export { permanova, type Permanova } from './groups/permanova.js';
export { permdisp, type Permdisp } from './groups/permdisp.js';
export type { Points } from './points.js';
export { type Components, project } from './components/projection.js';
export { rarefaction } from './run/rarefaction.js';
export { recovery, recoveryHalfLife, type Recovery } from './groups/recovery.js';
export { recurrenceOrder, type RecurrenceOrder } from './run/recurrence-order.js';
export { recurrence, type Recurrence, type RecurrenceSetting } from './run/recurrence.js';
export { type RelabellingInput, relabellingTest, type RelabellingTest } from './inference/relabelling.js';
export { relaxation, type Relaxation } from './groups/relaxation.js';
export { pointDistances, type RunDistances, type SignalOption } from './groups/run-distances.js';
export { type PairKind, type RunLabels, type RunPairs, runPairs } from './groups/run-pairs.js';
export {
  ANALYSIS_REVISION,
  type RunContext,
  runStatistics,
  type RunStatistics,
} from './run/run-statistics.js';
export { partialSpearman, spearman } from './inference/spearman.js';
export { stepStatistics, type StepStatistics } from './run/step-statistics.js';
export type { NoiseRule } from './symbols/noise.js';
export type { ClusterSymbol, SymbolRun } from './symbols/symbol-runs.js';
export type { SymbolStatistics } from './symbols/symbol-statistics.js';
export { type SymbolOptions, symbols } from './symbols/symbols.js';
export type { Trajectory } from './trajectory.js';
