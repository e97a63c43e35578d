export const SURROGATE_KINDS = ['shuffled_increments', 'sphere'] as const;
export type SurrogateKind = (typeof SURROGATE_KINDS)[number];

/** The null model of each diagram: this many surrogates of each kind. */
export interface NullModel {
  readonly surrogates: number;
  /** Each kind once, in the order of `SURROGATE_KINDS`. */
  readonly kinds: readonly SurrogateKind[];
}

export const MAX_SURROGATES = 999;

/**
 * Limit for an experiment as JSON: Temporal refuses more than 2 MiB as the input of a workflow or an
 * activity.
 */
export const MAX_FILE_BYTES = 2_000_000;

/**
 * A validated experiment: every optional field has a value, and `seed_count` is expanded. The store keeps and
 * hashes this shape.
 */
export interface ExperimentConfig {
  readonly name: string | null;
  readonly networks: readonly (readonly string[])[];
  readonly prompts: readonly string[];
  /** Integers >= -1. For -1 the planning of the run draws a seed, and each step gets its own seed. */
  readonly seeds: readonly number[];
  /**
   * The drawn seed of each run of seed -1, in the order of the runs, for an experiment that repeats one of
   * another store; null for a run that draws one. Not part of the identity. A stored config has them only
   * until all of its runs are planned; then the rows of the runs have them.
   */
  readonly drawn_seeds?: readonly (number | null)[];
  readonly embedding_models: readonly string[];
  readonly max_length: number;
  /** What a run with a fixed seed does at the first exact repeat. Runs with seed -1 have no cycles to act on. */
  readonly on_cycle: 'stop' | 'continue';
  readonly max_dimension: 0 | 1 | 2;
  /** Longest edge of the filtration, or null for the whole filtration. */
  readonly max_edge_length: number | null;
  /** Null for diagrams without surrogates. */
  readonly null_model: NullModel | null;
  readonly reuse: boolean;
  /** Runs in flight at once. Not part of the experiment's identity. */
  readonly concurrency: number;
  /**
   * The share of the workers' turns, in proportion to other experiments that run at the same time. Not part
   * of the identity either.
   */
  readonly weight: number;
}

export const DEFAULT_CONCURRENCY = 64;
export const DEFAULT_WEIGHT = 1;
export const MAX_LENGTH_LIMIT = 1_000_000;
export const MAX_RUNS = 1_000_000;
export const MAX_CONCURRENCY = 1000;
/** The least and the greatest weight that a Temporal server tells apart from others. */
export const MIN_WEIGHT = 0.001;
export const MAX_WEIGHT = 1000;
/** Most points of a diagram: the code packs two point numbers into one word. */
export const MAX_DIAGRAM_POINTS = 65_535;

/**
 * The config in the form that a workflow receives: as short as a file can be, because the input of a workflow
 * is limited.
 */
export function experimentFile(config: ExperimentConfig): object {
  const { seeds, ...rest } = config;
  return seeds.every((seed) => seed === -1) ? { ...rest, seed_count: seeds.length } : { ...rest, seeds };
}

/** Run `index` of an experiment: the product of networks, then seeds, then prompts (prompts vary fastest). */
export interface RunCoordinates {
  readonly index: number;
  /** The index of `network` in the experiment's networks. */
  readonly networkIndex: number;
  readonly network: readonly string[];
  readonly seed: number;
  readonly prompt: string;
}

export function runCount(config: ExperimentConfig): number {
  return config.networks.length * config.seeds.length * config.prompts.length;
}

function drawingSeeds(seeds: readonly number[]): number {
  return seeds.filter((seed) => seed === -1).length;
}

/** The models that an experiment names, each once. */
export function modelNames({
  networks,
  embedding_models,
}: Pick<ExperimentConfig, 'networks' | 'embedding_models'>): string[] {
  return [...new Set([...networks.flat(), ...embedding_models])];
}

/** The number of runs that draw a seed. */
export function drawingRunCount({ networks, seeds, prompts }: ExperimentConfig): number {
  return networks.length * drawingSeeds(seeds) * prompts.length;
}

/**
 * The number of runs before run `index` that draw a seed. If that run draws one too, this is the index of its
 * seed in `drawn_seeds`.
 */
export function drawingRunsBefore({ seeds, prompts }: ExperimentConfig, index: number): number {
  const block = Math.floor(index / prompts.length);
  const networks = Math.floor(block / seeds.length);
  const blocks = networks * drawingSeeds(seeds) + drawingSeeds(seeds.slice(0, block % seeds.length));
  const partial = seeds[block % seeds.length] === -1 ? index % prompts.length : 0;
  return blocks * prompts.length + partial;
}

/** The number of surrogate diagrams for each diagram of an experiment. */
export function surrogateCount({ null_model: nullModel }: Pick<ExperimentConfig, 'null_model'>): number {
  return nullModel === null ? 0 : nullModel.kinds.length * nullModel.surrogates;
}

/** @throws RangeError if the experiment has no run of this index. */
export function runCoordinates(config: ExperimentConfig, index: number): RunCoordinates {
  const { networks, seeds, prompts } = config;
  if (!Number.isInteger(index) || index < 0 || index >= runCount(config)) {
    throw new RangeError(`run index ${index} is outside 0..${runCount(config) - 1}`);
  }
  const prompt = prompts[index % prompts.length]!;
  const seed = seeds[Math.floor(index / prompts.length) % seeds.length]!;
  const networkIndex = Math.floor(index / (prompts.length * seeds.length));
  return { index, networkIndex, network: networks[networkIndex]!, seed, prompt };
}

/** The name of the model that makes step `sequence` of a run: the models of its network take turns. */
export function modelAt(network: readonly string[], sequence: number): string {
  return network[sequence % network.length]!;
}
