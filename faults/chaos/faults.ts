import { assertNever } from '../../common/errors.js';
import type { Outage } from '../common/link.js';
import type { Random } from '../../models/random.js';
import type { DeploymentPlan } from './deployment-plan.js';

/** When a fault begins: at a number of invocations of the round, and a time after that. */
export interface Moment {
  /** Share of the invocations of the undisturbed run, 0..1. */
  readonly progress: number;
  readonly plusMs: number;
}

/**
 * A process, or all of a kind. `worker N` counts from 0 in the order of the plan; with `run`, main,cpu is 0
 * and gpu is 1.
 */
export type Role =
  | 'command'
  | 'server'
  | 'model process'
  | 'postgres'
  | 's3'
  | 'everything'
  | `worker ${number}`;

/** A connection that can be cut. */
export type CutLink = 'temporal' | 'postgres' | 's3';

/** A file system that a round has for itself. */
export type Disk = 'data' | 'temporal' | 'postgres';

export const OPERATIONS = [
  'pause',
  'pause a run',
  'cancel',
  'cancel a run',
  'run again',
  'second worker',
  'doctor',
  'lose the state of Temporal',
] as const;
export type Operation = (typeof OPERATIONS)[number];

/** Faults. `lastsMs` is the time until what was taken comes back: a process, a connection, room on a disk. */
export type Trouble =
  /** SIGKILL. */
  | { readonly kind: 'kill'; readonly role: Role; readonly lastsMs: number }
  /** SIGTERM, or Ctrl-C; sometimes twice. */
  | {
      readonly kind: 'stop';
      readonly role: Role;
      readonly signal: 'SIGTERM' | 'SIGINT';
      readonly twice: boolean;
      readonly lastsMs: number;
    }
  /** SIGSTOP, then SIGCONT. */
  | { readonly kind: 'freeze'; readonly role: Role; readonly lastsMs: number }
  | {
      readonly kind: 'cut';
      readonly link: CutLink;
      /** Null: all processes. */
      readonly worker: number | null;
      readonly how: Outage;
      readonly lastsMs: number;
    }
  | { readonly kind: 'full disk'; readonly disk: Disk; readonly lastsMs: number }
  /** How much longer each call takes that syncs, and each that writes. */
  | {
      readonly kind: 'slow disk';
      readonly syncMs: number;
      readonly writeMs: number;
      readonly lastsMs: number;
    }
  | {
      readonly kind: 'operator';
      readonly operation: Operation;
      /** Which experiment and which of its runs, each as a share of their number, 0..1. */
      readonly experiment: number;
      readonly run: number;
      readonly lastsMs: number;
    };

export type Fault = Trouble & { readonly at: Moment };

export const FAULT_KINDS = ['kill', 'stop', 'freeze', 'cut', 'full disk', 'slow disk', 'operator'] as const;

const SHORT_MS = { least: 200, most: 6000 };
/** Longer than the heartbeat's time-out of 5 s, so that others take over. */
const LONG_MS = { least: 6000, most: 15_000 };

/** `withModelProcesses`: whether a model of the experiments has a process of its own. */
export function randomFaults(
  random: Random,
  deployment: DeploymentPlan,
  withModelProcesses: boolean,
): Fault[] {
  const count = random.between(4, 9);
  const faults = Array.from({ length: count }, () => {
    const at = { progress: random.between(1, 90) / 100, plusMs: random.between(0, 1500) };
    return { ...randomTrouble(random, deployment, withModelProcesses), at };
  });
  return faults.sort((a, b) => a.at.progress - b.at.progress || a.at.plusMs - b.at.plusMs);
}

function randomTrouble(random: Random, deployment: DeploymentPlan, withModelProcesses: boolean): Trouble {
  const lastsMs = duration(random);
  const fleet = deployment.kind === 'fleet';
  // Neither has an orderly end.
  const harsh: Role[] = ['everything', ...(withModelProcesses ? ['model process' as const] : [])];
  const weights: readonly (readonly [Trouble['kind'], number])[] = [
    ['kill', 28],
    ['stop', 12],
    ['freeze', 16],
    ['cut', fleet ? 16 : 0],
    ['full disk', 14],
    ['slow disk', 8],
    ['operator', 18],
  ];
  const kind = weighted(random, weights);
  switch (kind) {
    case 'kill':
      return { kind, role: randomRole(random, deployment, harsh), lastsMs };
    case 'stop':
      return {
        kind,
        role: randomRole(random, deployment, []),
        signal: random.chance(70) ? 'SIGTERM' : 'SIGINT',
        twice: random.chance(20),
        lastsMs,
      };
    case 'freeze':
      return { kind, role: randomRole(random, deployment, harsh), lastsMs };
    case 'cut':
      return {
        kind,
        link: random.pick(linksOf(deployment)),
        worker: random.chance(30) ? null : random.below(deployment.workers.length),
        how: random.pick(['lost', 'late', 'refused'] as const),
        lastsMs,
      };
    case 'full disk':
      return { kind, disk: random.pick(disksOf(deployment)), lastsMs };
    case 'slow disk':
      return { kind, syncMs: random.between(20, 800), writeMs: random.between(0, 12), lastsMs };
    case 'operator':
      return {
        kind,
        operation: random.pick(OPERATIONS),
        experiment: random.below(100) / 100,
        run: random.below(100) / 100,
        lastsMs,
      };
    default:
      return assertNever(kind);
  }
}

function duration(random: Random): number {
  const { least, most } = random.chance(60) ? SHORT_MS : LONG_MS;
  return random.between(least, most);
}

function weighted<T>(random: Random, weights: readonly (readonly [T, number])[]): T {
  let left = random.below(weights.reduce((sum, [, weight]) => sum + weight, 0));
  for (const [choice, weight] of weights) {
    if (left < weight) return choice;
    left -= weight;
  }
  throw new Error('the weights are all zero');
}

/** Picks workers about as often as all others together. */
function randomRole(random: Random, deployment: DeploymentPlan, more: readonly Role[]): Role {
  const workers = deployment.kind === 'embedded' ? 2 : deployment.workers.length;
  if (random.chance(45)) return `worker ${random.below(workers)}`;
  const others: Role[] = ['command', 'server', ...more];
  if (deployment.store === 'postgres') others.push('postgres');
  if (deployment.objects === 's3') others.push('s3');
  return random.pick(others);
}

function linksOf({ store, objects }: DeploymentPlan): CutLink[] {
  return [
    'temporal',
    ...(store === 'postgres' ? ['postgres' as const] : []),
    ...(objects === 's3' ? ['s3' as const] : []),
  ];
}

function disksOf({ kind, store }: DeploymentPlan): Disk[] {
  return [
    'data',
    ...(kind === 'fleet' ? ['temporal' as const] : []),
    ...(store === 'postgres' ? ['postgres' as const] : []),
  ];
}
