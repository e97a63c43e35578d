import { Random, hashText } from '../../models/random.js';
import type { DeploymentPlan } from './deployment-plan.js';
import { hasOwnProcess, randomExperiment, type ChaosExperiment } from './experiments.js';
import { randomFaults, type Fault } from './faults.js';

/** Everything random in a round. */
export interface RoundPlan {
  readonly seed: number;
  readonly round: number;
  readonly deployment: DeploymentPlan;
  readonly experiments: readonly ChaosExperiment[];
  /** In the order of their moments. */
  readonly faults: readonly Fault[];
}

const WORKERS: readonly (readonly string[])[] = [
  ['main,cpu', 'gpu'],
  ['all', 'all'],
  ['main,cpu', 'gpu', 'gpu'],
  ['main', 'cpu', 'gpu', 'all'],
];

const ACTIVITY_MS = [200, 1000, 3000, 10_000];

/** A round of a seed. It is the same on every machine. */
export function planRound(seed: number, round: number): RoundPlan {
  // Each part has its own generator, so that a change of one part does not change the others.
  const part = (name: string): Random => new Random(hashText(`chaos round ${round}: ${name}`, seed));
  const deployment = randomDeployment(part('deployment'), kindOf(seed, round));
  const random = part('experiments');
  const count = random.chance(60) ? 1 : random.between(2, 3);
  const experiments = Array.from({ length: count }, (_, index) =>
    randomExperiment(random, `seed ${seed}, round ${round}, experiment ${index}`, count),
  );
  const withModelProcesses = experiments.some(({ networks }) => networks.flat().some(hasOwnProcess));
  const faults = randomFaults(part('faults'), deployment, withModelProcesses);
  return { seed, round, deployment, experiments, faults };
}

const KINDS = ['embedded', 'fleet on SQLite', 'fleet on Postgres'] as const;

/**
 * Every three rounds have each kind once, in a random order, so that a short series does not have one kind
 * only by chance.
 */
function kindOf(seed: number, round: number): (typeof KINDS)[number] {
  const random = new Random(hashText(`chaos rounds from ${round - (round % KINDS.length)} on`, seed));
  const left = [...KINDS];
  for (let skipped = 0; skipped < round % KINDS.length; skipped++) left.splice(random.below(left.length), 1);
  return random.pick(left);
}

function randomDeployment(random: Random, kind: (typeof KINDS)[number]): DeploymentPlan {
  const activityMs = random.pick(ACTIVITY_MS);
  const workers = random.pick(WORKERS);
  const journal = random.chance(50) ? 'WAL' : 'DELETE';
  const objects = random.chance(50) ? 's3' : 'folder';
  if (kind === 'embedded') {
    return { kind, store: 'sqlite', objects: 'folder', journal: 'WAL', workers: [], activityMs };
  }
  const fleet = { kind: 'fleet', journal, workers, activityMs } as const;
  if (kind === 'fleet on SQLite') return { ...fleet, store: 'sqlite', objects: 'folder' };
  return { ...fleet, store: 'postgres', objects };
}
