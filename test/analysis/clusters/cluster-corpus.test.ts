import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { createHash } from 'node:crypto';
import {
  clusterCorpus,
  type Corpus,
  type CorpusOptions,
  hdbscan,
  NOISE,
  predictCorpusMemory,
  type WeightedPoints,
} from '../../../analysis/index.js';
import { euclideanDistances, TdaMemoryError } from '../../../tda/index.js';
import { pairIndex } from '../../../tda/triangle.js';
import { pca } from '../../../analysis/components/pca.js';
import { project } from '../../../analysis/components/projection.js';
import { seededRandom } from '../../support/point-clouds.js';

/** Runs that hop between places, each output near one; some outputs repeat. */
function hoppingRuns(seed: number, { places = 4, outputs = 90, dimension = 6, noise = 0.15 } = {}): Corpus {
  const random = seededRandom(seed);
  const centres = Array.from({ length: places }, () =>
    Array.from({ length: dimension }, () => random() - 0.5),
  );
  const rows: number[][] = [];
  const runs = [0, 1, 2].map(() =>
    Uint32Array.from({ length: outputs / 3 }, () => {
      if (rows.length > 0 && random() < 0.2) return Math.floor(random() * rows.length);
      const centre = centres[Math.floor(random() * places)]!;
      return rows.push(centre.map((x) => x + noise * (random() - 0.5))) - 1;
    }),
  );
  return { vectors: Float32Array.from(rows.flat()), dimension, runs };
}

function rowCount({ vectors, dimension }: Corpus): number {
  return vectors.length / dimension;
}

function rowsOf({ vectors, dimension }: Corpus, rows: readonly number[]): Float32Array {
  return Float32Array.from(
    rows.flatMap((row) => [...vectors.subarray(row * dimension, (row + 1) * dimension)]),
  );
}

/** Rows by rising SHA-256 of their bytes. */
function byDigest(corpus: Corpus): number[] {
  const digest = (row: number): string => {
    const { buffer, byteOffset, byteLength } = rowsOf(corpus, [row]);
    return createHash('sha256')
      .update(new Uint8Array(buffer, byteOffset, byteLength))
      .digest('hex');
  };
  return [...Array(rowCount(corpus)).keys()].sort((a, b) => (digest(a) < digest(b) ? -1 : 1));
}

function scaled({ vectors, dimension }: { vectors: Float32Array; dimension: number }): Float32Array {
  return vectors.map((value, place) => {
    const row = vectors.subarray(place - (place % dimension)).subarray(0, dimension);
    return value / Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
  });
}

function weightsOf({ runs }: Corpus, rows: number): Uint32Array {
  const weights = new Uint32Array(rows);
  for (const run of runs) run.forEach((row) => weights[row]!++);
  return weights;
}

/** The order of the first output of each row. */
function firstAppearanceOf({ runs }: Corpus, rows: number): Uint32Array {
  const outputs = runs.flatMap((run) => [...run]);
  return Uint32Array.from({ length: rows }, (_, row) => outputs.indexOf(row));
}

function at(values: ArrayLike<number>, order: readonly number[]): number[] {
  return order.map((row) => values[row]!);
}

describe('the corpus', () => {
  const corpus = hoppingRuns(1);
  const rows = rowCount(corpus);

  test('is clustered as its vectors of length 1, with their occurrences as weights', async () => {
    const found = await clusterCorpus(corpus, { minClusterSize: 6 });
    const expected = await hdbscan(
      { points: scaled(corpus), dimension: 6, weights: weightsOf(corpus, rows) },
      { minClusterSize: 6, floor: 0.05, firstAppearance: firstAppearanceOf(corpus, rows) },
    );
    expect(found.numbers).toEqual(expected.numbers);
    expect(found.probabilities).toEqual(expected.probabilities);
    expect(found.clusters).toEqual(expected.clusters);
    expect(found.clusters.length).toBeGreaterThan(2);
    expect(found.projection).toBeNull();
    expect(found.sample).toBeNull();
  });

  test('gives the same answer, whatever the order of its rows', async () => {
    const variants: CorpusOptions[] = [{}, { projectAboveRows: 20 }, { sampleAboveRows: 30 }];
    const cases = fc.record({
      seed: fc.integer({ min: 0, max: 99 }),
      order: fc.integer(),
      options: fc.constantFrom(...variants),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ seed, order: orderSeed, options }) => {
        const given = hoppingRuns(seed, { dimension: 60 });
        const random = seededRandom(orderSeed);
        const order = [...Array(rowCount(given)).keys()]
          .map((row) => [random(), row] as const)
          .sort(([a], [b]) => a - b)
          .map(([, row]) => row);
        const moved: Corpus = {
          vectors: rowsOf(given, order),
          dimension: 60,
          runs: given.runs.map((run) => run.map((row) => order.indexOf(row))),
        };
        const [before, after] = [await clusterCorpus(given, options), await clusterCorpus(moved, options)];
        const { numbers, probabilities, clusters, ...rest } = after;
        expect([...numbers]).toEqual(at(before.numbers, order));
        expect([...probabilities]).toEqual(at(before.probabilities, order));
        expect(clusters.map((cluster) => ({ ...cluster, medoid: order[cluster.medoid] }))).toEqual(
          before.clusters,
        );
        const {
          numbers: _numbers,
          probabilities: _probabilities,
          clusters: _clusters,
          ...restBefore
        } = before;
        expect(rest).toEqual(restBefore);
      }),
      { numRuns: 20 },
    );
  });

  test('tells the parameters that it was clustered with', async () => {
    const plain = { projectAboveRows: 20_000, sampleAboveRows: 100_000 };
    expect((await clusterCorpus(corpus)).parameters).toEqual({
      ...plain,
      minClusterSize: 5,
      minSamples: 5,
      floor: 0.05,
      selection: 'excess-of-mass',
      epsilon: 0,
    });
    const chosen = {
      minClusterSize: 9,
      minSamples: 3,
      floor: 0.01,
      selection: 'leaf',
      epsilon: 0.4,
    } as const;
    expect((await clusterCorpus(corpus, chosen)).parameters).toEqual({ ...plain, ...chosen });
    const long = { ...corpus, runs: [...corpus.runs, new Uint32Array(7010 - 90).fill(3)] };
    expect((await clusterCorpus(long)).parameters.minClusterSize).toBe(7);
  });

  test('every setting changes the clusters as it does in hdbscan', async () => {
    const weights = weightsOf(corpus, rows);
    const firstAppearance = firstAppearanceOf(corpus, rows);
    for (const settings of [
      { minSamples: 2 },
      { floor: 0.3 },
      { selection: 'leaf', minSamples: 2 },
      { selection: 'leaf', minSamples: 2, epsilon: 0.25 },
    ] as const) {
      const found = await clusterCorpus(corpus, { minClusterSize: 5, ...settings });
      const expected = await hdbscan(
        { points: scaled(corpus), dimension: 6, weights },
        { minClusterSize: 5, floor: 0.05, firstAppearance, ...settings },
      );
      expect(found.numbers).toEqual(expected.numbers);
    }
  });

  test('tells the noise that other sizes would leave, and the deciles of the core distance', async () => {
    const { noise, coreDistanceDeciles, numbers } = await clusterCorpus(corpus, { minClusterSize: 7 });
    const weights = weightsOf(corpus, rows);
    expect(noise.map(({ minClusterSize }) => minClusterSize)).toEqual([3, 7, 14, 28]);
    for (const share of noise) {
      const { numbers: other, clusters } = await clusterCorpus(corpus, {
        minClusterSize: share.minClusterSize,
      });
      const isNoise = Array.from(other, (number) => number === NOISE);
      expect(share.clusterCount).toBe(clusters.length);
      expect(share.ofVectors).toBe(isNoise.filter(Boolean).length / rows);
      const outputs = weights.reduce((sum, weight, row) => sum + (isNoise[row]! ? weight : 0), 0);
      expect(share.ofTime).toBe(outputs / 90);
      if (share.minClusterSize === 7) expect(other).toEqual(numbers);
    }
    const { coreDistances } = await hdbscan(
      { points: scaled(corpus), dimension: 6, weights },
      { minClusterSize: 5, floor: 0.05 },
    );
    const sorted = coreDistances.toSorted();
    expect(coreDistanceDeciles).toHaveLength(11);
    expect(coreDistanceDeciles[0]).toBe(sorted[0]);
    expect(coreDistanceDeciles[10]).toBe(sorted.at(-1));
    const place = 0.3 * (rows - 1);
    const [low, high] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
    expect(coreDistanceDeciles[3]).toBeCloseTo(low + (place % 1) * (high - low), 12);
  });

  test('an output that stands still is an atom, and a vector of length 0 is far from all others', async () => {
    const vectors = Float32Array.of(1, 0, 0, 1, 0, 0);
    const { numbers, clusters } = await clusterCorpus({
      vectors,
      dimension: 2,
      runs: [Uint32Array.of(0, 1, 1, 1, 1, 1, 2)],
    });
    expect([...numbers]).toEqual([NOISE, 0, NOISE]);
    expect(clusters).toEqual([{ weight: 5, rowCount: 1, medoid: 1, birth: null, stability: null }]);
  });
});

describe('principal components', () => {
  const corpus = hoppingRuns(5, { dimension: 60 });
  const rows = rowCount(corpus);

  test('stand for the vectors above a number of rows', async () => {
    const found = await clusterCorpus(corpus, { projectAboveRows: rows - 1, minClusterSize: 6 });
    const order = byDigest(corpus);
    const points = scaled({ vectors: rowsOf(corpus, order), dimension: 60 });
    const { scores, explainedVarianceRatio } = pca({ points, dimension: 60 }, { keep: { components: 50 } });
    const weights = Uint32Array.from(at(weightsOf(corpus, rows), order));
    const firstAppearance = Uint32Array.from(at(firstAppearanceOf(corpus, rows), order));
    const expected = await hdbscan(
      { ...scores!, weights },
      { minClusterSize: 6, floor: 0.05, firstAppearance },
    );
    expect(at(found.numbers, order)).toEqual([...expected.numbers]);
    expect(at(found.probabilities, order)).toEqual([...expected.probabilities]);
    expect(found.clusters).toEqual(
      expected.clusters.map((cluster) => ({ ...cluster, medoid: order[cluster.medoid] })),
    );
    expect(found.clusters.length).toBeGreaterThan(2);
    expect(found.projection!.components).toBe(scores!.dimension);
    expect(found.projection!.explainedVariance).toBeCloseTo(
      explainedVarianceRatio.reduce((sum, share) => sum + share, 0),
      12,
    );
  });

  test('are left out up to that number, and where there are 50 coordinates or fewer', async () => {
    expect((await clusterCorpus(corpus, { projectAboveRows: rows })).projection).toBeNull();
    expect((await clusterCorpus(hoppingRuns(5), { projectAboveRows: 1 })).projection).toBeNull();
  });

  test('vectors of one direction are one place', async () => {
    const vectors = Float32Array.from({ length: 3 * 60 }, (_, place) => 1 + Math.floor(place / 60));
    const runs = [Uint32Array.of(0, 1, 2)];
    const { projection, noise } = await clusterCorpus(
      { vectors, dimension: 60, runs },
      { projectAboveRows: 1 },
    );
    expect(projection).toBeNull();
    expect(noise.map(({ ofTime }) => ofTime)).toEqual([1, 1, 1, 1]);
  });
});

/** Rows of the sample. */
const M = 90;

/** By the definition: the cluster of the nearest row of the sample, within the 0.95 quantile of its core distances. */
async function joined(
  { points, dimension, weights }: WeightedPoints,
  minClusterSize: number,
): Promise<number[]> {
  const sample = await hdbscan(
    { points: points.subarray(0, M * dimension), dimension, weights: weights.subarray(0, M) },
    { minClusterSize, floor: 0.05 },
  );
  const distances = euclideanDistances(points, dimension);
  return Array.from({ length: weights.length }, (_, place) => {
    if (place < M) return sample.numbers[place]!;
    const byDistance = [...Array(M).keys()].map((near) => distances[pairIndex(place, near)]!);
    const nearest = byDistance.indexOf(Math.min(...byDistance));
    const name = sample.numbers[nearest]!;
    if (name === NOISE) return NOISE;
    const cores = sample.coreDistances.filter((_, row) => sample.numbers[row] === name).sort();
    const at95 = 0.95 * (cores.length - 1);
    const [low, high] = [cores[Math.floor(at95)]!, cores[Math.ceil(at95)]!];
    return byDistance[nearest]! <= low + (at95 % 1) * (high - low) ? name : NOISE;
  });
}

describe('a sample', () => {
  const corpus = hoppingRuns(8, { outputs: 300 });
  const rows = rowCount(corpus);
  const order = byDigest(corpus);
  const points = scaled({ vectors: rowsOf(corpus, order), dimension: 6 });
  const weights = Uint32Array.from(at(weightsOf(corpus, rows), order));

  test('of lowest SHA-256 is clustered, and each other vector joins the cluster of its nearest, or none', async () => {
    const found = await clusterCorpus(corpus, { sampleAboveRows: M, minClusterSize: 20 });
    const share = weights.subarray(0, M).reduce((a, b) => a + b, 0) / weights.reduce((a, b) => a + b, 0);
    const minClusterSize = Math.floor(20 * share);
    expect(found.sample).toEqual({ rows: M, weightShare: share, minClusterSize });
    const names = await joined({ points, dimension: 6, weights }, minClusterSize);
    // Both have the same pairs of rows in a cluster.
    const numbers = at(found.numbers, order);
    expect(new Set(names.map((name, place) => `${name} ${numbers[place]}`)).size).toBe(new Set(names).size);
    expect(new Set(numbers).size).toBe(new Set(names).size);
    const others = numbers.slice(M).filter((number) => number !== NOISE).length;
    expect(others).toBeGreaterThan(20);
    expect(others).toBeLessThan(rows - M);
    const outputs = found.clusters.map((_, number) =>
      weights.reduce((sum, weight, place) => sum + (numbers[place] === number ? weight : 0), 0),
    );
    expect(found.clusters.map(({ weight }) => weight)).toEqual(outputs);
  });

  test('gives the components on which all vectors are projected', async () => {
    const wide = hoppingRuns(6, { outputs: 300, dimension: 60 });
    const found = await clusterCorpus(wide, {
      sampleAboveRows: M,
      projectAboveRows: 100,
      minClusterSize: 20,
    });
    const wideOrder = byDigest(wide);
    const all = scaled({ vectors: rowsOf(wide, wideOrder), dimension: 60 });
    const fitted = pca({ points: all.subarray(0, M * 60), dimension: 60 }, { keep: { components: 50 } });
    const counts = Uint32Array.from(at(weightsOf(wide, wideOrder.length), wideOrder));
    const names = await joined(
      { ...project(fitted, { points: all, dimension: 60 }), weights: counts },
      found.sample!.minClusterSize,
    );
    const numbers = at(found.numbers, wideOrder);
    expect(new Set(names.map((name, place) => `${name} ${numbers[place]}`)).size).toBe(new Set(names).size);
    expect(new Set(numbers).size).toBe(new Set(names).size);
    expect(found.clusters.length).toBeGreaterThan(2);
    expect(numbers.slice(M).filter((number) => number !== NOISE).length).toBeGreaterThan(20);
  });

  test('leaves a heavy vector that is far from it an atom', async () => {
    const random = seededRandom(3);
    const near = Array.from({ length: 40 }, () => [1, 0.01 * random(), 0]);
    // A length at which its digest is the highest, so that it is not in the sample.
    const corpora = Array.from({ length: 1000 }, (_, k): Corpus => {
      const vectors = Float32Array.from([...near, [0, 0, 1 + k / 100]].flat());
      return { vectors, dimension: 3, runs: [Uint32Array.from([...near.keys(), 40, 40, 40, 40, 40, 40])] };
    });
    const corpus = corpora.find((some) => byDigest(some).at(-1) === 40)!;
    const { numbers, clusters, sample } = await clusterCorpus(corpus, { sampleAboveRows: 30 });
    expect(sample!.rows).toBe(30);
    expect(clusters[numbers[40]!]).toEqual({
      weight: 6,
      rowCount: 1,
      medoid: 40,
      birth: null,
      stability: null,
    });
  });
});

function predict(rows: number, threads: number): number {
  return predictCorpusMemory(rows, { dimension: 768, threads });
}

describe('conduct', () => {
  const corpus = hoppingRuns(2, { outputs: 900 });

  test('progress rises to the whole, those that join a sample included', async () => {
    const calls: (readonly [number, number])[] = [];
    const rows = rowCount(corpus);
    await clusterCorpus(corpus, {
      sampleAboveRows: 200,
      onProgress: (done, total) => calls.push([done, total]),
    });
    const total = 200 * 199 + 200 * (rows - 200);
    calls.forEach(([done, whole], call) => {
      expect(whole).toBe(total);
      expect(done).toBeGreaterThan(calls[call - 1]?.[0] ?? 0);
    });
    expect(calls.at(-1)).toEqual([total, total]);
  });

  test('threads give the same answer, whatever their number', async () => {
    const large = hoppingRuns(7, { outputs: 4200 });
    expect(rowCount(large)).toBeGreaterThan(3000);
    for (const sampleAboveRows of [200, 5000]) {
      const alone = await clusterCorpus(large, { sampleAboveRows, threads: 1 });
      expect(await clusterCorpus(large, { sampleAboveRows, threads: 2 })).toEqual(alone);
    }
  });

  test('an abort rejects with its reason', async () => {
    const reason = new Error('cancelled');
    await expect(clusterCorpus(corpus, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const onProgress = (): void => controller.abort(reason);
    const large = hoppingRuns(2, { outputs: 9000, dimension: 30 });
    await expect(clusterCorpus(large, { signal: controller.signal, onProgress })).rejects.toBe(reason);
  });

  test('more memory than allowed is refused, and the prediction grows with what is asked', async () => {
    const rows = rowCount(corpus);
    const maxMemoryBytes = predictCorpusMemory(rows, { dimension: 6, threads: 1 }) - 1;
    await expect(clusterCorpus(corpus, { threads: 1, maxMemoryBytes })).rejects.toBeInstanceOf(
      TdaMemoryError,
    );
    await clusterCorpus(corpus, { threads: 1, maxMemoryBytes: maxMemoryBytes + 1 });
    expect(predict(100_000, 2)).toBeLessThan(1.2 * 2 ** 30);
    expect(predict(100_000, 2)).toBeGreaterThan(predict(100_000, 1));
    expect(predict(100_000, 1)).toBeGreaterThan(4 * 100_000 * 768);
  });
});

describe('bad input is refused, and the message says where and why', () => {
  const good: Corpus = { vectors: Float32Array.of(0, 1, 2, 3), dimension: 2, runs: [Uint32Array.of(0, 1)] };

  test.each([
    ['no vector', { ...good, vectors: new Float32Array() }, 'vectors is empty; at least one is needed'],
    [
      'a ragged length',
      { ...good, vectors: new Float32Array(3) },
      'vectors has 3 numbers, which is not a whole number of rows of dimension 2',
    ],
    [
      'no coordinate',
      { ...good, dimension: 0 },
      'dimension is 0; a vector needs a whole number of coordinates, at least 1',
    ],
    [
      'a row that is not there',
      { ...good, runs: [Uint32Array.of(0), Uint32Array.of(1, 2)] },
      'runs[1][1] is 2; vectors has 2 rows, numbered from 0',
    ],
    [
      'a row that no run has',
      { ...good, runs: [Uint32Array.of(0)] },
      'no run has row 1 of vectors; leave vectors out that never came up',
    ],
    [
      'a NaN',
      { ...good, vectors: Float32Array.of(0, 1, 2, NaN) },
      'row 1, column 1 of vectors is NaN; expected a finite number',
    ],
    [
      'equal rows',
      { ...good, vectors: Float32Array.of(5, 6, 5, 6) },
      'rows 0 and 1 of vectors are equal; give each vector once, and let the runs name its row',
    ],
  ])('%s', async (_, corpus, message) => {
    await expect(clusterCorpus(corpus)).rejects.toThrow(message);
  });

  test.each([
    [{ sampleAboveRows: 0 }, 'sampleAboveRows is 0; expected a whole number of at least 1'],
    [{ projectAboveRows: 0.5 }, 'projectAboveRows is 0.5; expected a whole number of at least 1'],
    [{ minClusterSize: 1 }, 'minClusterSize is 1; expected a whole number of at least 2'],
    [{ floor: -1 }, 'floor is -1; expected a number of at least 0'],
  ])('%j', async (options, message) => {
    await expect(clusterCorpus(good, options)).rejects.toThrow(message);
  });
});
