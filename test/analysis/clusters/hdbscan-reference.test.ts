import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { hdbscan, NOISE, type WeightedPoints } from '../../../analysis/index.js';
import { numberClusters } from '../../../analysis/clusters/numbering.js';
import {
  decodeMatrix,
  describeReference,
  EncodedMatrix,
  readReference,
  readTrajectory,
  referenceNames,
} from '../reference.js';

const Case = z.object({
  min_cluster_size: z.number(),
  min_samples: z.number(),
  selection: z.literal(['eom', 'leaf']),
  epsilon: z.number().default(0),
  floor: z.number().default(0),
  labels: z.array(z.number()),
  probabilities: z.array(z.number()),
  clusters: z.array(z.object({ rows: z.number(), weight: z.number(), medoid: z.number() })),
  atoms: z.array(z.number()),
  numbers_with_atoms: z.array(z.number()),
  noise_share_weight_with_atoms: z.number(),
  core_distances: z.array(z.number()),
});
const Clouds = z.object({
  points: EncodedMatrix.optional(),
  trajectory: z.string().optional(),
  weights: z.array(z.number()),
  cases: z.array(Case),
});

function inputOf({ points, trajectory, weights }: z.output<typeof Clouds>): WeightedPoints {
  const counts = Uint32Array.from(weights);
  if (points !== undefined) return { ...decodeMatrix(points), weights: counts };
  const name = trajectory!.replace('trajectories/', '').replace('.json', '');
  const { vectors, dimension } = readTrajectory(name, z.unknown()).trajectory;
  return { points: vectors, dimension, weights: counts };
}

describeReference('clusters are those of an implementation from the definition', () => {
  describe.each(referenceNames('hdbscan'))('%s', (name) => {
    const file = readReference(`hdbscan/${name}.json`, Clouds);
    const input = inputOf(file);
    const titled = file.cases.map((expected) => {
      const { min_cluster_size, min_samples, selection, epsilon, floor } = expected;
      const title = `size ${min_cluster_size}, samples ${min_samples}, ${selection}, epsilon ${epsilon}, floor ${floor}`;
      return [title, expected] as const;
    });

    test.each(titled)('%s', async (_, expected) => {
      const found = await hdbscan(input, {
        minClusterSize: expected.min_cluster_size,
        minSamples: expected.min_samples,
        selection: expected.selection === 'eom' ? 'excess-of-mass' : 'leaf',
        epsilon: expected.epsilon,
        floor: expected.floor,
      });
      const { numbers, probabilities, clusters, coreDistances } = found;
      expect([...numbers]).toEqual(expected.numbers_with_atoms);
      // Its labels are the names of its list of clusters, and its atoms have none.
      const labels = expected.labels.map((label) => (label === NOISE ? null : expected.clusters[label]!));
      labels.forEach((label, row) => {
        const number = numbers[row]!;
        const cluster = number === NOISE ? null : clusters[number]!;
        if (expected.atoms.includes(row)) {
          expect(cluster).toEqual({
            weight: input.weights[row],
            rowCount: 1,
            medoid: row,
            birth: null,
            stability: null,
          });
          expect(probabilities[row]).toBe(1);
          return;
        }
        expect(cluster && { rows: cluster.rowCount, weight: cluster.weight, medoid: cluster.medoid }).toEqual(
          label,
        );
        expect(Math.abs(probabilities[row]! - expected.probabilities[row]!)).toBeLessThan(1e-6);
      });
      const noise = input.weights.reduce(
        (sum, weight, row) => sum + (numbers[row] === NOISE ? weight : 0),
        0,
      );
      const total = input.weights.reduce((sum, weight) => sum + weight, 0);
      expect(noise / total).toBeCloseTo(expected.noise_share_weight_with_atoms, 9);
      expected.core_distances.forEach((core, row) => {
        expect(Math.abs(coreDistances[row]! - core)).toBeLessThanOrEqual(1e-6 * core);
      });
    });
  });
});

describeReference('clusters are numbered by weight, not by name', () => {
  const { cluster_numbers: traps } = readReference(
    'traps.json',
    z.object({
      cluster_numbers: z.array(
        z.object({
          members_in_order_of_appearance: z.array(z.string()),
          expected_numbers: z.array(z.string()),
        }),
      ),
    }),
  );

  test.each(traps)(
    '$expected_numbers',
    ({ members_in_order_of_appearance: members, expected_numbers: expected }) => {
      const names = [...new Set(members)].sort();
      const { names: found } = numberClusters(
        Int32Array.from(members, (member) => names.indexOf(member)),
        new Uint32Array(members.length).fill(1),
        Uint32Array.from(members.keys()),
      );
      expect(Array.from(found, (name) => names[name])).toEqual(expected);
    },
  );
});
