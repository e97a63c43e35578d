import { bettiCurve, euclideanDistances, persistenceEntropy, ripsPersistence } from '../../tda/index.js';
import {
  areSameBars,
  decodeFloats,
  hasReference,
  referenceCases,
  referenceDiagram,
  referenceMetrics,
} from './support.js';

const cases = referenceCases();

if (!hasReference()) {
  console.log('shared/ph-reference is absent: comparisons with other programs are skipped');
}
const describeReference = hasReference() ? describe : describeAbsent;

/** Jest takes neither an empty suite nor an empty table of cases. */
function describeAbsent(title: string): void {
  describe.skip(title, () => test('shared/ph-reference is absent', () => {}));
}

describeReference('diagrams of giotto-ph, Ripser and GUDHI', () => {
  for (const reference of cases) {
    const isSkipped = reference.coeff !== 2;
    const title = isSkipped ? `${reference.name}: skipped, coefficients are not Z/2` : reference.name;
    (isSkipped ? test.skip : test)(title, async () => {
      const input = reference.lower_distances
        ? { distances: decodeFloats(reference.lower_distances) }
        : { points: decodeFloats(reference.points!), dimension: reference.points!.shape[1]! };
      const result = await ripsPersistence(input, {
        maxDimension: reference.maxdim,
        maxEdgeLength: reference.threshold ?? Infinity,
      });
      expect(result.pointCount).toBe(reference.n);
      expect(result.diagrams).toHaveLength(reference.maxdim + 1);
      result.diagrams.forEach((diagram, degree) => {
        const expected = referenceDiagram(reference, degree);
        if (reference.lower_distances) expect(diagram).toEqual(expected);
        else expect([degree, areSameBars(diagram, expected, 1e-5)]).toEqual([degree, true]);
      });
      if (reference.points && reference.maxdim > 0) {
        const fromDistances = await ripsPersistence(
          { distances: euclideanDistances(decodeFloats(reference.points), reference.points.shape[1]!) },
          { maxDimension: reference.maxdim, maxEdgeLength: reference.threshold ?? Infinity },
        );
        expect(fromDistances.diagrams).toEqual(result.diagrams);
      }
    });
  }
});

describeReference('summaries of persim and GUDHI', () => {
  const metrics = referenceMetrics();
  const caseByName = new Map(cases.map((reference) => [reference.name, reference]));

  test.each(Object.entries(metrics.entropy))('entropy of %s', (name, byDegree) => {
    byDegree.forEach(({ natural }, degree) => {
      const entropy = persistenceEntropy(referenceDiagram(caseByName.get(name)!, degree));
      expect(Math.abs(entropy - natural)).toBeLessThanOrEqual(1e-6 * Math.max(1, natural));
    });
  });

  test.each(metrics.betti_curves)('Betti curve of $case in degree $dim', ({ case: name, dim, t, betti }) => {
    const diagram = referenceDiagram(caseByName.get(name)!, dim);
    expect([...bettiCurve(diagram, Float32Array.from(t))]).toEqual([...betti]);
  });
});
