import { exactCycle, kaplanMeier, type KaplanMeier, logRank } from '../../analysis/index.js';
import type { LoadedNetwork, LoadedRun } from './load-network.js';
import type { FamilyTest } from './test-family.js';

/** How long runs of a network stay free of an exact cycle, in steps. */
export interface NetworkAbsorption {
  readonly network: string;
  readonly runs: number;
  readonly absorbed: number;
  readonly curve: KaplanMeier;
  /** Why there is no median; null if there is one. */
  readonly reason: string | null;
}

export interface Absorption {
  /** All networks are observed for as many steps, or they could not be compared. */
  readonly horizonSteps: number;
  readonly networks: readonly NetworkAbsorption[];
  readonly test: FamilyTest;
}

/** The time at which a run was absorbed; null if it was free to the end. */
export type AbsorptionTime = number | null;

/** The step at which a run enters the exact cycle in which it ends, up to its horizon; null if it ends in none. */
export function absorbedAt({ cycle, trajectory }: LoadedRun): AbsorptionTime {
  return cycle?.onset ?? exactCycle(trajectory.sequence)?.onset ?? null;
}

/** What survives of a network when its vectors are let go. */
export interface NetworkTimes {
  readonly network: string;
  readonly steps: number;
  readonly times: readonly AbsorptionTime[];
}

export function timesOf({ network, steps, runs }: LoadedNetwork): NetworkTimes {
  return { network, steps, times: runs.map(absorbedAt) };
}

/** Survival of absorption by network (Kaplan-Meier), and the log-rank test of equal survival. */
export function absorption(model: string, networks: readonly NetworkTimes[]): Absorption {
  const horizonSteps = networks.length === 0 ? 0 : Math.min(...networks.map(({ steps }) => steps));
  const time: number[] = [];
  const absorbed: number[] = [];
  const groups: number[] = [];
  const found = networks.map(({ network, times }, group) => {
    const ofNetwork = times.map((at) => Math.min(at ?? horizonSteps, horizonSteps));
    const marks = times.map((at) => (at !== null && at < horizonSteps ? 1 : 0));
    time.push(...ofNetwork);
    absorbed.push(...marks);
    groups.push(...times.map(() => group));
    const curve = kaplanMeier(Float64Array.from(ofNetwork), Uint8Array.from(marks));
    const count = marks.filter((mark) => mark === 1).length;
    const reason =
      curve.median === null ? `${count} of ${times.length} runs met a cycle, fewer than half` : null;
    return { network, runs: times.length, absorbed: count, curve, reason };
  });
  return {
    horizonSteps,
    networks: found,
    test: logRankTest(model, networks.length, {
      time: Float64Array.from(time),
      absorbed: Uint8Array.from(absorbed),
      groups: Uint32Array.from(groups),
    }),
  };
}

function logRankTest(
  model: string,
  networks: number,
  times: { readonly time: Float64Array; readonly absorbed: Uint8Array; readonly groups: Uint32Array },
): FamilyTest {
  const shared = {
    model,
    network: null,
    statistic: 'log-rank',
    compares: 'networks, by the time to an exact cycle',
  };
  if (networks < 2) {
    return {
      ...shared,
      value: null,
      test: null,
      reason: 'there is one network; a test compares at least two',
    };
  }
  const found = logRank(times.time, times.absorbed, times.groups);
  if (found === null) {
    const reason = 'no run meets a cycle while runs of another network are still free';
    return { ...shared, value: null, test: null, reason };
  }
  const { observed, p, ...rest } = found;
  return {
    ...shared,
    value: observed,
    test: p === null ? null : { ...rest, p },
    reason: p === null ? 'the runs can be shared among the networks in one way only' : null,
  };
}
