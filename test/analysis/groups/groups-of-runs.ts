import * as fc from 'fast-check';
import { z } from 'zod';
import { pointDistances, type Design, type Points, type RunDistances } from '../../../analysis/index.js';
import { decodeMatrix, EncodedMatrix, readReference } from '../reference.js';

const numbers = z.array(z.number());

const GroupsFile = z.object({
  cases: z.array(
    z.object({
      name: z.string(),
      points: EncodedMatrix,
      groups: numbers,
      strata: numbers.optional(),
      expected: z.object({
        pseudo_f: z.number(),
        r_squared: z.number(),
        permdisp_f_centroid: z.number(),
        permdisp_distances_to_centroid: numbers,
        within_mean: z.number(),
        between_mean: z.number(),
        energy_distances: z.array(z.tuple([z.number(), z.number(), z.number()])),
        energy_statistic: z.number(),
        recovered_share: z.number(),
        chance_share: z.number(),
        exact_p_pseudo_f: z.number().optional(),
        exact_p_energy: z.number().optional(),
        relabelings: z.number().optional(),
        p_pseudo_f_of_4999: z.number().optional(),
      }),
    }),
  ),
});

export interface GroupCase {
  readonly name: string;
  readonly points: Points;
  readonly distances: RunDistances;
  readonly design: Design;
  readonly expected: z.output<typeof GroupsFile>['cases'][number]['expected'];
}

/** The cases of the reference with the distances of their points; call it inside of a test. */
export async function readGroupCases(): Promise<GroupCase[]> {
  const { cases } = readReference('groups.json', GroupsFile);
  return Promise.all(
    cases.map(async ({ name, points, groups, strata, expected }) => ({
      name,
      points: decodeMatrix(points),
      distances: await pointDistances(decodeMatrix(points)),
      design: {
        groups: Uint32Array.from(groups),
        ...(strata === undefined ? {} : { strata: Uint32Array.from(strata) }),
      },
      expected,
    })),
  );
}

/** Points of up to nine runs, in two or three groups of at least two runs; `places` makes copies frequent. */
export function groupedRuns(places: fc.Arbitrary<number>): fc.Arbitrary<{ points: Points; design: Design }> {
  return fc
    .tuple(
      fc.array(fc.integer({ min: 2, max: 3 }), { minLength: 2, maxLength: 3 }),
      fc.integer({ min: 1, max: 3 }),
    )
    .chain(([sizes, dimension]) => {
      const groups = sizes.flatMap((size, group) => Array.from({ length: size }, () => group));
      const count = groups.length;
      return fc.record({
        points: fc
          .array(places, { minLength: count * dimension, maxLength: count * dimension })
          .map((list) => ({ points: Float32Array.from(list), dimension })),
        design: fc
          .shuffledSubarray(groups, { minLength: count, maxLength: count })
          .map((shuffled) => ({ groups: Uint32Array.from(shuffled) })),
      });
    });
}

/** Places whose differences are exact in float32, and lie far above its rounding. */
export const anyPlaces = fc.integer({ min: -512, max: 512 }).map((step) => step / 512);
/** Places on a small grid: many runs coincide, and many distances are equal. */
export const fewPlaces = fc.integer({ min: -1, max: 1 });

/** The same runs in another order, with the groups under other names. */
export function rearranged(
  { points: { points, dimension }, design: { groups, strata } }: { points: Points; design: Design },
  seed: number,
): { points: Points; design: Design } {
  const count = groups.length;
  const order = Array.from({ length: count }, (_, run) => run).toSorted(
    (a, b) => ((a * 7919 + seed) % 101) - ((b * 7919 + seed) % 101) || a - b,
  );
  const last = Math.max(...groups);
  return {
    points: {
      points: Float32Array.from(
        order.flatMap((run) => [...points.subarray(run * dimension, (run + 1) * dimension)]),
      ),
      dimension,
    },
    design: {
      groups: Uint32Array.from(order, (run) => last - groups[run]!),
      ...(strata === undefined ? {} : { strata: Uint32Array.from(order, (run) => strata[run]!) }),
    },
  };
}

/** The points turned in the plane of each two neighbouring coordinates, and moved. */
export function turned({ points, dimension }: Points, angle: number): Points {
  const values = Float64Array.from(points);
  for (let start = 0; start < values.length; start += dimension) {
    for (let at = start; at + 1 < start + dimension; at++) {
      const [x, y] = [values[at]!, values[at + 1]!];
      values[at] = x * Math.cos(angle) - y * Math.sin(angle);
      values[at + 1] = x * Math.sin(angle) + y * Math.cos(angle);
    }
  }
  return { points: Float32Array.from(values, (value) => value + 0.25), dimension };
}

/** Equal within 1e-6 of the size of the expected value, as the reference demands. */
export function expectNear(actual: number | null, expected: number, relative = 1e-6): void {
  if (actual === null || !(Math.abs(actual - expected) <= Math.max(relative * Math.abs(expected), 1e-9))) {
    throw new Error(`${actual} is not near ${expected}`);
  }
}

/** Four standard errors of the difference of two p-values from draws. */
export function fourStandardErrors(p: number, draws: number, otherDraws: number): number {
  return 4 * Math.sqrt(p * (1 - p) * (1 / draws + 1 / otherDraws));
}
