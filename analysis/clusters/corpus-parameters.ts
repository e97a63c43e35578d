import { usableCores } from '../../common/machine.js';
import { checkCut, type CutOptions } from './cut.js';
import { checkCount, checkHierarchyOptions, type HierarchyOptions } from './hierarchy.js';
import { checkCorpusMemory } from './memory.js';
import type { ClusterSelection } from './selection.js';

export interface CorpusOptions extends HierarchyOptions, Partial<CutOptions> {
  /**
   * Distinct vectors above which principal components stand for the vectors. A thread of its own finds them, whatever
   * `threads` is. Default 20,000.
   */
  projectAboveRows?: number;
  /** Distinct vectors above which a sample of so many is clustered, and the others join it. Default 100,000. */
  sampleAboveRows?: number;
}

/** What a clustering was made with: defaults are filled in. */
export interface ClusterParameters {
  readonly minClusterSize: number;
  readonly minSamples: number;
  readonly floor: number;
  readonly selection: ClusterSelection;
  readonly epsilon: number;
  readonly projectAboveRows: number;
  readonly sampleAboveRows: number;
}

/** The default of `minClusterSize` is this share of the outputs, and at least LEAST_CLUSTER. */
const CLUSTER_SHARE = 0.001;
const LEAST_CLUSTER = 5;

/** The parameters for a corpus of so many outputs. Throws AnalysisInputError, which names the setting. */
export function parametersOf(options: CorpusOptions, outputs: number): ClusterParameters {
  const parameters = {
    minClusterSize: options.minClusterSize ?? Math.max(LEAST_CLUSTER, Math.floor(CLUSTER_SHARE * outputs)),
    minSamples: options.minSamples ?? 5,
    floor: options.floor ?? 0.05,
    selection: options.selection ?? 'excess-of-mass',
    epsilon: options.epsilon ?? 0,
    projectAboveRows: options.projectAboveRows ?? 20_000,
    sampleAboveRows: options.sampleAboveRows ?? 100_000,
  };
  checkCut(parameters);
  checkCount('projectAboveRows', parameters.projectAboveRows, 1);
  checkCount('sampleAboveRows', parameters.sampleAboveRows, 1);
  return parameters;
}

/** Throws AnalysisInputError for a bad setting, and TdaMemoryError if `maxMemoryBytes` is too little. */
export function checkOptions(options: CorpusOptions, rows: number, dimension: number): void {
  parametersOf(options, 0);
  checkHierarchyOptions(options);
  const { threads = usableCores(), maxMemoryBytes = Infinity } = options;
  checkCorpusMemory(rows, { ...options, threads, dimension }, maxMemoryBytes);
}
