import {
  bettiCurve,
  bottleneckDistance,
  persistenceEntropy,
  persistenceImage,
  persistenceLandscape,
  totalPersistence,
  wassersteinDistance,
} from '../../tda/index.js';
import {
  barsOf,
  describeReference,
  referenceCases,
  referenceDiagram,
  referenceMetrics,
  type ReferenceDistances,
} from '../support/point-clouds.js';

/** The relative tolerance that the README of the folder calls safe. */
const TOLERANCE = 1e-6;

describeReference('summaries and distances of persim and GUDHI', () => {
  const metrics = referenceMetrics();
  const cases = new Map(referenceCases().map((reference) => [reference.name, reference]));
  const diagramOf = (name: string, degree: number) => referenceDiagram(cases.get(name)!, degree);

  test('the file has cases of each kind', () => {
    for (const part of Object.values({ ...metrics, entropy: Object.keys(metrics.entropy) })) {
      if (Array.isArray(part)) expect(part.length).toBeGreaterThan(0);
    }
  });

  test.each(Object.entries(metrics.entropy))('entropy of %s', (name, byDegree) => {
    byDegree.forEach(({ natural, normalised }, degree) => {
      const diagram = diagramOf(name, degree);
      expectNear(persistenceEntropy(diagram), natural);
      expectNear(persistenceEntropy(diagram, { normalised: true }), normalised ?? 0);
    });
  });

  test.each(Object.entries(metrics.entropy))('total persistence of %s', (name, byDegree) => {
    byDegree.forEach(({ sum_of_lengths = 0 }, degree) => {
      expectNear(totalPersistence(diagramOf(name, degree)), sum_of_lengths);
    });
  });

  test.each(metrics.betti_curves)('Betti curve of $case in degree $dim', ({ case: name, dim, t, betti }) => {
    expect([...bettiCurve(diagramOf(name, dim), Float32Array.from(t))]).toEqual([...betti]);
  });

  test.each(metrics.landscapes)('landscape of $case in degree $dim', (reference) => {
    const landscape = persistenceLandscape(diagramOf(reference.case, reference.dim), {
      count: reference.num_landscapes,
      start: reference.sample_range[0],
      end: reference.sample_range[1],
      sampleCount: reference.resolution,
    });
    expectNearRows(landscape, reference.values);
  });

  test.each(metrics.images)('image of $case in degree $dim', (reference) => {
    expect(reference.weight).toBe('persistence**1.0');
    const diagram = diagramOf(reference.case, reference.dim);
    const options = {
      birthRange: reference.birth_range,
      persistenceRange: reference.pers_range,
      resolution: reference.resolution,
      sigma: reference.sigma,
    };
    expectNearRows(persistenceImage(diagram, options), reference.pixel_integrals);
    const densities = persistenceImage(diagram, { ...options, pixelValue: 'density' });
    expectNearRows(densities, reference.centre_samples);
  });

  test.each(metrics.pairs)('distances of $a and $b in degree $dim', (reference) => {
    expectDistances(
      finiteOf(diagramOf(reference.a, reference.dim)),
      finiteOf(diagramOf(reference.b, reference.dim)),
      reference,
    );
  });

  for (const reference of metrics.inline_pairs) {
    test(`distances of ${JSON.stringify(reference.a)} and ${JSON.stringify(reference.b)}`, () => {
      expectDistances(
        Float32Array.from(reference.a.flat()),
        Float32Array.from(reference.b.flat()),
        reference,
      );
    });
  }
});

/** The diagram without essential bars, which the reference drops. */
function finiteOf(diagram: Float32Array): Float32Array {
  return Float32Array.from(
    barsOf(diagram)
      .filter(([, death]) => death < Infinity)
      .flat(),
  );
}

function expectDistances(a: Float32Array, b: Float32Array, expected: ReferenceDistances): void {
  expectNear(bottleneckDistance(a, b), expected.bottleneck);
  expectNear(wassersteinDistance(a, b, { power: 1 }), expected.wasserstein1_inf);
  expectNear(wassersteinDistance(a, b, { power: 2 }), expected.wasserstein2_inf);
}

function expectNearRows(actual: readonly Float64Array[], expected: readonly (readonly number[])[]): void {
  expect(actual.map((row) => row.length)).toEqual(expected.map((row) => row.length));
  actual.forEach((row, k) => row.forEach((value, column) => expectNear(value, expected[k]![column]!)));
}

/** A relative comparison. 0 means 0 except for rounding. */
function expectNear(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(TOLERANCE * Math.abs(expected) + 1e-15);
}
