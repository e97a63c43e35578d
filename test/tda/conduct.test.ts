import {
  predictRipsMemory,
  predictRipsSeconds,
  predictSurrogateSeconds,
  ripsPersistence,
  TdaInputError,
  TdaMemoryError,
} from '../../tda/index.js';
import { Filtration } from '../../tda/filtration.js';
import { pairCount } from '../../tda/triangle.js';
import { randomPoints, threeSimplices } from '../support/point-clouds.js';

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('expected a rejection');
}

function withValue(place: number, value: number): Float32Array {
  const points = new Float32Array(24);
  points[place] = value;
  return points;
}

describe('bad input is refused, and the message names the place', () => {
  test.each([
    ['a NaN', withValue(17, NaN), 4, 'points[17] (row 4, column 1) is NaN; expected a finite number'],
    [
      'an infinity',
      withValue(3, -Infinity),
      4,
      'points[3] (row 0, column 3) is -Infinity; expected a finite number',
    ],
    ['no point', new Float32Array(), 4, 'points is empty; at least one point is needed'],
    [
      'a ragged length',
      new Float32Array(10),
      4,
      'points has 10 numbers, which is not a whole number of rows of dimension 4',
    ],
    [
      'dimension 0',
      new Float32Array(10),
      0,
      'dimension is 0; a point needs a whole number of coordinates, at least 1',
    ],
    [
      'half a dimension',
      new Float32Array(10),
      2.5,
      'dimension is 2.5; a point needs a whole number of coordinates, at least 1',
    ],
    [
      'too many points',
      new Float32Array(65_536),
      1,
      '65536 points are too many; at most 65535 are supported',
    ],
    [
      'distances beyond float32',
      Float32Array.of(3e38, -3e38),
      1,
      'the distance between rows 0 and 1 does not fit in float32; scale the points down',
    ],
  ])('points with %s', async (_, points, dimension, message) => {
    for (const maxDimension of [1, 2] as const) {
      expect(await rejection(ripsPersistence({ points, dimension }, { maxDimension }))).toEqual(
        new TdaInputError(message),
      );
    }
  });

  test.each([
    [
      'a negative entry',
      Float32Array.of(1, 2, 3, 1, -2, 1),
      'distances[4] (d(3,1)) is -2; expected a number of at least 0',
    ],
    ['a NaN', Float32Array.of(NaN), 'distances[0] (d(1,0)) is NaN; expected a number of at least 0'],
    [
      'a length that is no triangle',
      new Float32Array(5),
      'distances has 5 entries, which is not n(n-1)/2 for any n (3 points have 3, 4 have 6)',
    ],
  ])('distances with %s', async (_, distances, message) => {
    for (const maxDimension of [0, 2] as const) {
      expect(await rejection(ripsPersistence({ distances }, { maxDimension }))).toEqual(
        new TdaInputError(message),
      );
    }
  });

  test('settings', async () => {
    const distances = Float32Array.of(1);
    // A caller in JavaScript may pass it.
    const maxDimension: 2 = JSON.parse('3');
    expect(await rejection(ripsPersistence({ distances }, { maxDimension }))).toEqual(
      new TdaInputError('maxDimension is 3; expected 0, 1 or 2'),
    );
    for (const maxEdgeLength of [NaN, -1]) {
      expect(await rejection(ripsPersistence({ distances }, { maxEdgeLength }))).toBeInstanceOf(
        TdaInputError,
      );
    }
  });
});

describe('the input is not changed', () => {
  test('where duplicates are merged', async () => {
    const points = randomPoints(30, 2, 1).map((x) => Math.round(3 * x));
    const copy = points.slice();
    await ripsPersistence({ points, dimension: 2 });
    expect(points).toEqual(copy);
    const distances = Float32Array.of(0, 1, 1, 2, 2, 1);
    await ripsPersistence({ distances });
    expect(distances).toEqual(Float32Array.of(0, 1, 1, 2, 2, 1));
  });

  test('a view into a larger buffer is read where it lies', async () => {
    const distances = Float32Array.of(9, 9, 1, 2, 3, 9).subarray(2, 5);
    const { diagrams } = await ripsPersistence({ distances });
    expect(diagrams[0]).toEqual(Float32Array.of(0, 1, 0, 2, 0, Infinity));
  });
});

describe('progress', () => {
  test.each([0, 1, 2] as const)('rises to the whole (dimension %i)', async (maxDimension) => {
    const calls: (readonly [number, number])[] = [];
    const pointCount = maxDimension === 2 ? 200 : 700;
    await ripsPersistence(
      { points: randomPoints(pointCount, 3, 3), dimension: 3 },
      { maxDimension, onProgress: (done, total) => calls.push([done, total]) },
    );
    calls.forEach(([done, total], call) => {
      expect(total).toBe(calls[0]![1]);
      expect(done).toBeGreaterThanOrEqual(calls[call - 1]?.[0] ?? 0);
    });
    expect(calls.at(-1)![0]).toBe(calls.at(-1)![1]);
  });

  test('comes ten times a second at most, and once more at the end', async () => {
    let calls = 0;
    const started = performance.now();
    await ripsPersistence(
      { points: randomPoints(1000, 6, 5), dimension: 6 },
      { threads: 1, onProgress: () => calls++ },
    );
    // Each call but the first and the last has a tenth of a second for itself.
    expect(calls - 2).toBeLessThanOrEqual((performance.now() - started) / 100);
  });

  test.each([
    ['a single point', Float32Array.of(3)],
    ['points that are all equal', Float32Array.of(3, 3, 3)],
  ])('ends where there is no edge: %s', async (_, points) => {
    const calls: (readonly [number, number])[] = [];
    await ripsPersistence(
      { points, dimension: 1 },
      { onProgress: (done, total) => calls.push([done, total]) },
    );
    expect(calls).toEqual([[0, 0]]);
  });
});

describe('abort', () => {
  const large = { points: randomPoints(3000, 64, 9), dimension: 64 };

  test('a signal aborted before the start rejects with its reason', async () => {
    const reason = new Error('the caller stopped');
    expect(await rejection(ripsPersistence(large, { signal: AbortSignal.abort(reason) }))).toBe(reason);
  });

  test.each([0, 1, 2] as const)(
    'rejects with the reason long before the whole is done (dimension %i)',
    async (maxDimension) => {
      const controller = new AbortController();
      const reason = new Error('cancelled');
      let part = 0;
      setTimeout(() => controller.abort(reason), 20);
      const promise = ripsPersistence(large, {
        maxDimension,
        signal: controller.signal,
        onProgress: (done, total) => (part = done / total),
      });
      expect(await rejection(promise)).toBe(reason);
      expect(part).toBeLessThan(0.5);
    },
  );

  test('during the pass over the edges', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled');
    let lastDone = 0;
    const onProgress = (done: number, total: number): void => {
      lastDone = done / total;
      controller.abort(reason);
    };
    const promise = ripsPersistence(
      { points: randomPoints(600, 32, 2), dimension: 32 },
      { signal: controller.signal, onProgress },
    );
    expect(await rejection(promise)).toBe(reason);
    expect(lastDone).toBeLessThan(1);
  });
});

describe('while the edges are sorted', () => {
  // The input is distances, so that sorting comes first. It takes several turns of the event loop.
  const distances = randomPoints(pairCount(3000), 1, 6);

  test('an abort ends it before a link is looked at', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled');
    let calls = 0;
    setTimeout(() => controller.abort(reason), 0);
    const promise = ripsPersistence({ distances }, { signal: controller.signal, onProgress: () => calls++ });
    expect(await rejection(promise)).toBe(reason);
    expect(calls).toBe(0);
  });

  test('the event loop runs', async () => {
    const controller = new AbortController();
    let turns = 0;
    let turnsBefore = 0;
    const timer = setInterval(() => turns++, 1);
    const onProgress = (): void => {
      turnsBefore = turns;
      controller.abort();
    };
    await rejection(ripsPersistence({ distances }, { signal: controller.signal, onProgress }));
    clearInterval(timer);
    expect(turnsBefore).toBeGreaterThan(2);
  });
});

describe('threads', () => {
  // Enough points that threads are worth while.
  const points = randomPoints(800, 6, 4);

  test('give the same diagrams and loops, whatever their number', async () => {
    const options = { representatives: true };
    const alone = await ripsPersistence({ points, dimension: 6 }, { ...options, threads: 1 });
    for (const threads of [2, 3]) {
      const together = await ripsPersistence({ points, dimension: 6 }, { ...options, threads });
      expect(together.diagrams).toEqual(alone.diagrams);
      expect(together.representatives).toEqual(alone.representatives);
      expect(together.edgeClasses!.disconnected).toBe(alone.edgeClasses!.disconnected);
    }
    expect(alone.diagrams[2]!.length).toBeGreaterThan(0);
  });

  test.each([1, 2])('let the event loop run meanwhile (threads: %i)', async (threads) => {
    let turns = 0;
    const timer = setInterval(() => turns++, 5);
    await ripsPersistence({ points: randomPoints(1500, 6, 4), dimension: 6 }, { maxDimension: 1, threads });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });

  test.each([0, -1, 1.5, NaN])('are counted in whole numbers, not %p', async (threads) => {
    const error = await rejection(ripsPersistence({ points, dimension: 6 }, { threads }));
    expect(error).toBeInstanceOf(TdaInputError);
    expect(String(error)).toContain('threads is');
  });
});

describe('memory', () => {
  test('a computation that would not fit is refused before it starts, with the figure and the remedies', async () => {
    const points = randomPoints(2000, 2, 4);
    const options = { maxMemoryBytes: 60_000_000, threads: 2 };
    const error = await rejection(ripsPersistence({ points, dimension: 2 }, options));
    expect(error).toBeInstanceOf(TdaMemoryError);
    const predictedBytes = predictRipsMemory(2000, 2, { threads: 2, dimension: 2 });
    expect(error).toMatchObject({ predictedBytes, limitBytes: 60_000_000 });
    expect(String(error)).toContain('max_dimension');
    expect(String(error)).toContain('give fewer points');
  });

  test('a computation that fits runs', async () => {
    const points = randomPoints(50, 2, 4);
    const options = { maxMemoryBytes: predictRipsMemory(50, 2, { dimension: 2 }) };
    await expect(ripsPersistence({ points, dimension: 2 }, options)).resolves.toMatchObject({
      pointCount: 50,
    });
  });

  test('where relations of classes outgrow the prediction, they may use the rest of the limit, and are refused beyond it', async () => {
    const cloud = threeSimplices(30);
    const predicted = predictRipsMemory(90, 2, { dimension: 90 });
    for (const options of [{}, { maxMemoryBytes: predicted }]) {
      const error = await rejection(ripsPersistence(cloud, { ...options, threads: 1 }));
      expect(error).toBeInstanceOf(TdaMemoryError);
      expect(String(error)).toMatch(
        /classes of one degree.* more than the 5 MiB allowed.* allow more memory/,
      );
    }
    const { diagrams } = await ripsPersistence(cloud, {
      maxMemoryBytes: predicted + 64 * 2 ** 20,
      threads: 1,
    });
    expect(diagrams[2]!.length / 2).toBeGreaterThan(10_000);
  });

  test('the prediction has room for the arrays of every pair', () => {
    const pointCount = 300;
    const pairs = pairCount(pointCount);
    const edges = new Uint32Array(pairs);
    const filtration = new Filtration(
      new Float32Array(pairs),
      pointCount,
      edges,
      new Uint32Array(pointCount * pointCount),
      (bytes) => new ArrayBuffer(bytes),
    );
    const arrays = Object.values(filtration).filter((value) => ArrayBuffer.isView(value));
    const perPair = arrays.reduce((sum, { byteLength }) => sum + byteLength, 0) / pairs;
    // For numbers of points so large that the memory which does not grow with the pairs makes no difference.
    const grown = predictRipsMemory(40_000, 2) - predictRipsMemory(20_000, 2);
    expect(arrays).toHaveLength(4);
    expect(grown / (pairCount(40_000) - pairCount(20_000))).toBeGreaterThan(0.99 * perPair);
  });

  test('the prediction of time grows with points and degree', () => {
    for (const count of [100, 1000, 10_000]) {
      expect(predictRipsSeconds(2 * count, 2, 768)).toBeGreaterThan(4 * predictRipsSeconds(count, 2, 768));
      expect(predictRipsSeconds(count, 2, 768)).toBeGreaterThan(predictRipsSeconds(count, 1, 768));
    }
  });

  test('the prediction of time for surrogates is that of the trajectory for a walk, and far more for independent directions', () => {
    for (const count of [100, 500, 2000]) {
      const walk = predictRipsSeconds(count, 2, 768);
      expect(predictSurrogateSeconds('shuffled_increments', count, 2, 768)).toBe(walk);
      expect(predictSurrogateSeconds('sphere', count, 2, 768)).toBeGreaterThan(5 * walk);
      expect(predictSurrogateSeconds('sphere', count, 0, 768)).toBe(predictRipsSeconds(count, 0, 768));
    }
    // Measured (bench/persistence.md, iid, and bench/model-times.ts): 0.68 s, 0.26 s, 6.2 s.
    expect(predictSurrogateSeconds('sphere', 1000, 1, 768)).toBeCloseTo(0.8, 0);
    expect(predictSurrogateSeconds('sphere', 200, 2, 768)).toBeCloseTo(0.27, 1);
    expect(predictSurrogateSeconds('sphere', 500, 2, 768)).toBeCloseTo(6.6, 0);
  });

  test('the prediction grows with points and dimension', () => {
    for (const count of [1, 10, 1000, 10_000]) {
      expect(predictRipsMemory(count + 1, 2)).toBeGreaterThan(predictRipsMemory(count, 2));
      expect(predictRipsMemory(count, 1)).toBeGreaterThanOrEqual(predictRipsMemory(count, 0));
      expect(predictRipsMemory(count, 2)).toBeGreaterThanOrEqual(predictRipsMemory(count, 1));
    }
  });
});
