import type { Random } from '../../models/random.js';

/** An experiment file with models that need no files. */
export interface ChaosExperiment {
  readonly name: string;
  readonly networks: readonly (readonly string[])[];
  readonly prompts: readonly string[];
  readonly seeds: readonly number[];
  readonly embedding_models: readonly string[];
  readonly max_length: number;
  readonly on_cycle: 'stop' | 'continue';
  readonly max_dimension: number;
  readonly reuse: boolean;
  readonly concurrency: number;
  readonly weight: number;
  readonly null_model?: { readonly surrogates: number };
}

const PAINTERS = ['SlowT2I', 'DummyT2I', 'HostedT2I', 'HostedTwinT2I', 'ProceduralPainter', 'PatternPainter'];
const DESCRIBERS = [
  'SlowI2T',
  'DummyI2T',
  'CrashingI2T',
  'EmptyCaptionI2T',
  'ProceduralDescriber',
  'PatternDescriber',
];
const EMBEDDERS = ['Dummy', 'HashedNgram', 'ColourGradient'];
const SUBJECTS = [
  'a lighthouse',
  'two hares',
  'an orchard',
  'the last tram',
  'a paper moon',
  'slow 40 and a kettle',
];
const PLACES = ['in fog', 'on a hill', 'under snow', 'by the river', 'at dusk'];

/** Each of these calls takes 100 ms, on one of two threads of a worker. */
const SLOW = ['SlowT2I', 'SlowI2T'];
/** The number of slow calls of a round, so that it lasts long enough for its faults. */
const SLOW_CALLS = { least: 160, most: 320 };
/** For this seed EmptyCaptionI2T makes nothing. Its runs fail, in the undisturbed run as well. */
const POISONED_SEED = 13;

/**
 * One of `count` experiments of a round. Their slow calls together take some ten to twenty seconds without
 * faults.
 */
export function randomExperiment(random: Random, name: string, count: number): ChaosExperiment {
  const networks = distinct(random.between(1, 2), () => randomNetwork(random));
  const prompts = distinct(random.between(1, 4), () => `${random.pick(SUBJECTS)} ${random.pick(PLACES)}`);
  const poisoned = random.chance(25);
  const seeds = distinct(random.between(1, 3), () => random.below(1000));
  if (poisoned && !seeds.includes(POISONED_SEED)) seeds.push(POISONED_SEED);
  const runs = prompts.length * seeds.length;
  const slowShare = networks.reduce((sum, network) => sum + shareOfSlow(network), 0);
  const calls = random.between(SLOW_CALLS.least, SLOW_CALLS.most) / count;
  const length = Math.round(calls / (runs * slowShare));
  const embedders = distinct(random.between(0, 3), () => random.pick(EMBEDDERS));
  const withNullModel = random.chance(30) && embedders.length > 0;
  return {
    name,
    networks,
    prompts,
    seeds,
    embedding_models: embedders,
    max_length: Math.min(150, Math.max(6, length)),
    on_cycle: random.chance(50) ? 'stop' : 'continue',
    max_dimension: random.below(3),
    reuse: random.chance(70),
    concurrency: random.pick([2, 4, 16, 64]),
    weight: random.pick([0.5, 1, 1, 3]),
    ...(withNullModel ? { null_model: { surrogates: random.between(1, 3) } } : {}),
  };
}

/** A painter and a describer, or two of each, with at least one slow model. */
function randomNetwork(random: Random): string[] {
  const pairs = random.between(1, 2);
  const network = Array.from({ length: 2 * pairs }, (_, index) =>
    random.pick(index % 2 === 0 ? PAINTERS : DESCRIBERS),
  );
  if (shareOfSlow(network) === 0) {
    const place = random.below(network.length);
    network[place] = SLOW[place % 2]!;
  }
  return network;
}

/** Whether a model runs in a process beside its worker. */
export function hasOwnProcess(model: string): boolean {
  return model.startsWith('Hosted');
}

function shareOfSlow(network: readonly string[]): number {
  return network.filter((model) => SLOW.includes(model)).length / network.length;
}

/** At most `count` values that differ as JSON. */
function distinct<T>(count: number, draw: () => T): T[] {
  const found = new Map<string, T>();
  for (let index = 0; index < count; index++) {
    const value = draw();
    found.set(JSON.stringify(value), value);
  }
  return [...found.values()];
}
