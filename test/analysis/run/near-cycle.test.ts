import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { AnalysisInputError, exactCycle, nearCycle } from '../../../analysis/index.js';
import type { EndCycle, Trajectory } from '../../../analysis/index.js';
import { arbitraryTrajectory, signedPermutation } from '../arbitrary-trajectories.js';
import { describeReference, readTrajectory, referenceNames } from '../reference.js';

const Cycle = z.object({ period: z.number(), onset: z.number() }).nullable();
const Expected = z.object({ near_cycle: z.record(z.string(), Cycle) });

describeReference('near cycles of the reference', () => {
  test.each(referenceNames('trajectories'))('%s ends in the cycle of the plain loops', (name) => {
    const { trajectory, expected } = readTrajectory(name, Expected);
    const radii = Object.keys(expected.near_cycle);
    const found = radii.map((radius) => [radius, nearCycle(trajectory, Number(radius))]);
    expect(Object.fromEntries(found)).toEqual(expected.near_cycle);
    // Rows of the reference are distinct vectors, so they number the outputs.
    expect(exactCycle(trajectory.sequence)).toEqual(expected.near_cycle['0.0']);
  });
});

/** Values on a line, a step each. */
function onALine(...values: number[]): Trajectory {
  return {
    vectors: Float32Array.from(values),
    dimension: 1,
    sequence: Uint32Array.from(values, (_, step) => step),
  };
}

function distanceOf({ vectors, dimension, sequence }: Trajectory) {
  return (a: number, b: number): number => {
    const difference = Array.from(
      { length: dimension },
      (_, at) => vectors[sequence[a]! * dimension + at]! - vectors[sequence[b]! * dimension + at]!,
    );
    return Math.fround(Math.hypot(...difference));
  };
}

/** The near cycle by its definition: every onset, every period. */
function byDefinition(trajectory: Trajectory, radius: number): EndCycle | null {
  const n = trajectory.sequence.length;
  const distance = distanceOf(trajectory);
  for (let period = 1; period <= n; period++) {
    const keeps = (step: number) => {
      let place = step;
      while (place + period < n) place += period;
      return distance(step, place) <= radius;
    };
    let onset = n;
    while (onset > 0 && keeps(onset - 1)) onset--;
    if (n - onset < Math.max(3 * period, 10)) continue;
    const pairs: number[] = [];
    for (let a = n - period; a < n; a++) for (let b = n - period; b < a; b++) pairs.push(distance(a, b));
    pairs.sort((a, b) => a - b);
    const middle =
      (pairs[Math.floor((pairs.length - 1) / 2)]! + pairs[Math.ceil((pairs.length - 1) / 2)]!) / 2;
    if (period === 1 || middle > radius) return { period, onset };
  }
  return null;
}

/** Trajectories of which many end in a cycle, with and without noise. */
const arbitraryEnd = fc
  .record({
    trajectory: arbitraryTrajectory({ least: 1, most: 12 }),
    rounds: fc.integer({ min: 1, max: 8 }),
    period: fc.integer({ min: 1, max: 6 }),
  })
  .map(({ trajectory, rounds, period }) => {
    const round = trajectory.sequence.subarray(-period);
    const copies = Array.from({ length: rounds }, () => [...round]).flat();
    return { ...trajectory, sequence: Uint32Array.from([...trajectory.sequence, ...copies]) };
  });

test('the walk back finds the cycle of the definition', () => {
  let cycles = 0;
  fc.assert(
    fc.property(arbitraryEnd, fc.integer({ min: 0, max: 24 }), (trajectory, eighths) => {
      const radius = eighths / 8;
      const defined = byDefinition(trajectory, radius);
      if (defined !== null && defined.period > 1) cycles++;
      expect(nearCycle(trajectory, radius)).toEqual(defined);
    }),
    { numRuns: 600 },
  );
  expect(cycles).toBeGreaterThan(20);
});

test('the exact cycle is the near cycle of radius 0, where different outputs have different vectors', () => {
  fc.assert(
    fc.property(arbitraryEnd, ({ sequence }) => {
      const places = Float32Array.from({ length: 12 }, (_, row) => row);
      expect(exactCycle(sequence)).toEqual(nearCycle({ vectors: places, dimension: 1, sequence }, 0));
    }),
    { numRuns: 600 },
  );
});

test('the exact cycle is that of the definition for every run of two outputs', () => {
  for (let bits = 0; bits < 2 ** 12; bits++) {
    const sequence = Uint32Array.from({ length: 12 }, (_, step) => (bits >>> step) & 1);
    const defined = byDefinition({ vectors: Float32Array.of(0, 1), dimension: 1, sequence }, 0);
    if (JSON.stringify(exactCycle(sequence)) !== JSON.stringify(defined)) {
      expect([[...sequence], exactCycle(sequence)]).toEqual([[...sequence], defined]);
    }
  }
});

test('a run needs three rounds, and ten steps', () => {
  const four = [0, 10, 20, 30];
  expect(nearCycle(onALine(...four, ...four, ...four), 1)).toEqual({ period: 4, onset: 0 });
  expect(nearCycle(onALine(...four.slice(1), ...four, ...four), 1)).toBeNull();
  expect(nearCycle(onALine(0, 10, 0, 10, 0, 10, 0, 10, 0), 1)).toBeNull();
  expect(nearCycle(onALine(0, 10, 0, 10, 0, 10, 0, 10, 0, 10), 1)).toEqual({ period: 2, onset: 0 });
  expect(exactCycle(Uint32Array.of(7, 7, 7, 7, 7, 7, 7, 7, 7))).toBeNull();
  expect(exactCycle(Uint32Array.of(7, 7, 7, 7, 7, 7, 7, 7, 7, 7))).toEqual({ period: 1, onset: 0 });
});

test('a slow creep rests only within the radius of its last output', () => {
  const creep = Array.from({ length: 60 }, (_, step) => step / 8);
  expect(nearCycle(onALine(...creep), 2)).toEqual({ period: 1, onset: 43 });
});

test('a cycle most of whose outputs are one place is none', () => {
  const round = [0, 0, 0, 0, 9];
  expect(nearCycle(onALine(...round, ...round, ...round, ...round), 1)).toBeNull();
  expect(exactCycle(Uint32Array.from([...round, ...round, ...round, ...round]))).toBeNull();
});

test('with as many pairs within the radius as beyond it, the mean of the two in the middle decides', () => {
  // Pairs of a round: distances 0, 1, 1 within a radius of 1, and three beyond it.
  const round = [0, 0, 1, 9];
  const run = onALine(...round, ...round, ...round, ...round);
  expect(nearCycle(run, 1)).toEqual({ period: 4, onset: 0 });
  expect(nearCycle(run, 1)).toEqual(byDefinition(run, 1));
  expect(exactCycle(Uint32Array.of(1, 2, 2, 1, 2, 2, 1, 2, 2, 1, 2, 2))).toEqual({ period: 3, onset: 0 });
});

test('no run, a short run, and a run that never ends in a cycle have none', () => {
  expect(nearCycle(onALine(), 1)).toBeNull();
  expect(nearCycle(onALine(1, 1), 1)).toBeNull();
  expect(nearCycle(onALine(...Array.from({ length: 50 }, (_, step) => step ** 2)), 0.5)).toBeNull();
  expect(exactCycle(new Uint32Array(0))).toBeNull();
});

test('a rotation of the space changes nothing', () => {
  fc.assert(
    fc.property(arbitraryEnd, fc.integer({ min: 0, max: 24 }), fc.integer(), (trajectory, eighths, seed) => {
      const turned = signedPermutation(trajectory, seed);
      expect(nearCycle(turned, eighths / 8)).toEqual(nearCycle(trajectory, eighths / 8));
    }),
  );
});

test('a radius below 0, or none, is refused', () => {
  expect(() => nearCycle(onALine(1, 2), -0.1)).toThrow(AnalysisInputError);
  expect(() => nearCycle(onALine(1, 2), Number.NaN)).toThrow('radius is NaN');
  expect(() => nearCycle(onALine(1, Number.NaN), 0.1)).toThrow('vectors[1]');
});
