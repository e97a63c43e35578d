import { describe, expect, test } from '@jest/globals';
import { clusterCorpus, clusterStability, type Corpus, NOISE } from '../../../analysis/index.js';
import { seededRandom } from '../../support/point-clouds.js';

/** Ten runs of distinct outputs, each output near one of some places. */
function runsAround(places: number, noise: number, seed: number): Corpus {
  const random = seededRandom(seed);
  const dimension = 5;
  const centres = Array.from({ length: places }, () =>
    Array.from({ length: dimension }, () => random() - 0.5),
  );
  const vectors = Float32Array.from({ length: 10 * 12 * dimension }, (_, place) => {
    const output = Math.floor(place / dimension);
    return centres[output % places]![place % dimension]! + noise * (random() - 0.5);
  });
  const runs = Array.from({ length: 10 }, (_, run) =>
    Uint32Array.from({ length: 12 }, (_step, step) => 12 * run + step),
  );
  return { vectors, dimension, runs };
}

describe('stability', () => {
  const clear = runsAround(3, 0.05, 1);

  test('places that every run visits are found in every sample of runs', async () => {
    const { numbers } = await clusterCorpus(clear);
    expect(await clusterStability(clear, numbers, { samples: 4 })).toEqual({
      withNoise: [1, 1, 1, 1],
      clusteredInBoth: [1, 1, 1, 1],
      isStable: true,
    });
  });

  test('clusters that samples do not find are unstable', async () => {
    const random = seededRandom(4);
    const { numbers } = await clusterCorpus(clear);
    const others = numbers.map(() => Math.floor(3 * random()));
    const found = await clusterStability(clear, others, { samples: 4 });
    expect(found!.isStable).toBe(false);
    for (const index of found!.withNoise) expect(Math.abs(index)).toBeLessThan(0.2);
  });

  test('noise counts as a class in one index, and not in the other', async () => {
    const { numbers } = await clusterCorpus(clear);
    const halfNoise = numbers.map((number, row) => (row % 2 === 0 ? NOISE : number));
    const found = await clusterStability(clear, halfNoise, { samples: 2 });
    expect(found!.clusteredInBoth).toEqual([1, 1]);
    for (const index of found!.withNoise) expect(index).toBeLessThan(0.6);
    expect(found!.isStable).toBe(false);
    const noiseOnly = await clusterStability(
      clear,
      numbers.map(() => NOISE),
      { samples: 1 },
    );
    expect(noiseOnly!.clusteredInBoth).toEqual([null]);
  });

  test('samples are runs, a share of them, and only their vectors are compared', async () => {
    // Each run has a place of its own. A sample of half of the runs has no vector of the others.
    const own: Corpus = { ...clear, runs: Array.from({ length: 10 }, (_, run) => clear.runs[run]!) };
    const { vectors } = runsAround(1, 0.05, 3);
    const random = seededRandom(9);
    const shifts = Array.from({ length: 10 * 5 }, () => random() - 0.5);
    const apart = {
      ...own,
      vectors: vectors.map((x, at) => x + 2 * shifts[5 * Math.floor(at / 60) + (at % 5)]!),
    };
    const { numbers, clusters } = await clusterCorpus(apart, { minClusterSize: 5 });
    expect(clusters).toHaveLength(10);
    const found = await clusterStability(apart, numbers, { samples: 3, runShare: 0.5, minClusterSize: 5 });
    expect(found!.withNoise).toEqual([1, 1, 1]);
  });

  test('the samples depend on the data, not on the order of the rows', async () => {
    const vague = runsAround(6, 0.7, 2);
    const { numbers } = await clusterCorpus(vague);
    const rows = numbers.length;
    const moved: Corpus = {
      ...vague,
      vectors: vague.vectors.map((_, at) => vague.vectors[5 * (rows - 1 - Math.floor(at / 5)) + (at % 5)]!),
      runs: vague.runs.map((run) => run.map((row) => rows - 1 - row)),
    };
    const found = await clusterStability(vague, numbers, { samples: 5 });
    expect(await clusterStability(moved, numbers.toReversed(), { samples: 5 })).toEqual(found);
    expect(new Set(found!.withNoise).size).toBeGreaterThan(1);
  });

  test('there is none of a single run', async () => {
    const one = { ...clear, runs: [Uint32Array.from(clear.runs.flatMap((run) => [...run]))] };
    const { numbers } = await clusterCorpus(one);
    expect(await clusterStability(one, numbers)).toBeNull();
  });

  test('progress rises to the whole, and an abort rejects with its reason', async () => {
    const { numbers } = await clusterCorpus(clear);
    const calls: (readonly [number, number])[] = [];
    const onProgress = (done: number, total: number): void => void calls.push([done, total]);
    await clusterStability(clear, numbers, { samples: 3, onProgress });
    calls.forEach(([done, total], call) => {
      expect(total).toBe(3000);
      expect(done).toBeGreaterThanOrEqual(calls[call - 1]?.[0] ?? 0);
    });
    expect(calls.at(-1)).toEqual([3000, 3000]);
    const reason = new Error('cancelled');
    const controller = new AbortController();
    const aborting = (): void => controller.abort(reason);
    const { signal } = controller;
    await expect(clusterStability(clear, numbers, { signal, onProgress: aborting })).rejects.toBe(reason);
  });

  test.each([
    [{ samples: 0 }, 'samples is 0; expected a whole number of at least 1'],
    [{ runShare: 1 }, 'runShare is 1; expected a number above 0, below 1'],
  ])('%j is refused', async (options, message) => {
    await expect(clusterStability(clear, new Int32Array(120), options)).rejects.toThrow(message);
  });

  test('numbers of other rows are refused', async () => {
    await expect(clusterStability(clear, new Int32Array(7))).rejects.toThrow(
      'numbers has 7 entries for 120 rows; expected one for each row',
    );
  });
});
