import { euclideanDistances, ripsPersistence } from '../../tda/index.js';
import {
  areSameBars,
  decodeFloats,
  describeReference,
  referenceCases,
  referenceDiagram,
} from '../support/point-clouds.js';

const cases = referenceCases();

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
