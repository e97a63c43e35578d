import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import {
  AnalysisInputError,
  diagramDistances,
  diagramGroups,
  groupDistances,
  permanova,
  predictDiagramDistances,
  type DiagramDistance,
} from '../../../analysis/index.js';
import { residualSquares } from '../../../analysis/groups/residual-distances.js';
import { pairIndex } from '../../../tda/triangle.js';
import { anyPlaces, expectNear } from './groups-of-runs.js';
import { describeReference, readReference } from '../reference.js';

const Bars = z.array(z.tuple([z.number(), z.number()]));
const Summary = z.object({
  matrix: z.array(z.array(z.number())),
  within_mean: z.number(),
  between_mean: z.number(),
  pseudo_f: z.number(),
});
const Dimension = z.object({
  bottleneck: Summary,
  wasserstein1: Summary,
  wasserstein2: Summary,
  sorted_lifetimes: Summary,
});
const DiagramsFile = z.object({
  labels: z.array(z.string()),
  diagrams: z.array(z.tuple([Bars, Bars])),
  dimensions: z.object({ 0: Dimension, 1: Dimension }),
  inline: z.array(
    z.object({
      a: Bars,
      b: Bars,
      bottleneck: z.number(),
      wasserstein1: z.number(),
      wasserstein2: z.number(),
      upstream_pseudo_wasserstein: z.number(),
    }),
  ),
});

const KINDS = [
  ['bottleneck', 'bottleneck'],
  ['wasserstein_1', 'wasserstein1'],
  ['wasserstein_2', 'wasserstein2'],
  ['sorted_lifetimes', 'sorted_lifetimes'],
] as const;

const flat = (bars: readonly (readonly number[])[]): Float32Array => Float32Array.from(bars.flat());

describeReference('distances of diagrams and the reference', () => {
  test('matrices, means and F are those of hera, persim and scikit-bio', async () => {
    const { labels, diagrams, dimensions } = readReference('diagrams.json', DiagramsFile);
    const names = [...new Set(labels)];
    const groups = Uint32Array.from(labels, (label) => names.indexOf(label));
    for (const degree of [0, 1] as const) {
      for (const [kind, key] of KINDS) {
        const expected = dimensions[degree][key];
        const distances = await diagramDistances(
          diagrams.map((ofRun) => flat(ofRun[degree])),
          kind,
        );
        expected.matrix.forEach((row, run) => {
          row.forEach((distance, other) => {
            if (other < run) expectNear(distances.distances[pairIndex(run, other)]!, distance, 1e-5);
          });
        });
        const { within, between } = groupDistances(distances, { groups });
        expectNear(within, expected.within_mean, 1e-5);
        expectNear(between, expected.between_mean, 1e-5);
        expectNear((await permanova(distances, { groups }, { draws: 1 })).pseudoF, expected.pseudo_f, 1e-4);
      }
    }
  });

  test('the Wasserstein distances are no differences of sorted lifetimes', async () => {
    const { inline } = readReference('diagrams.json', DiagramsFile);
    let differing = 0;
    for (const { a, b, ...expected } of inline) {
      const of = async (kind: DiagramDistance): Promise<number> =>
        (await diagramDistances([flat(a), flat(b)], kind)).distances[0]!;
      expectNear(await of('bottleneck'), expected.bottleneck);
      expectNear(await of('wasserstein_1'), expected.wasserstein1);
      expectNear(await of('wasserstein_2'), expected.wasserstein2);
      expectNear(await of('sorted_lifetimes'), expected.upstream_pseudo_wasserstein);
      if (expected.wasserstein1 !== expected.upstream_pseudo_wasserstein) differing++;
    }
    expect(differing).toBe(3);
  });
});

describe('diagramDistances', () => {
  test('tells apart bars of equal lengths that are born at other times', async () => {
    const diagrams = [Float32Array.of(0, 1, 1, 2), Float32Array.of(5, 6, 7, 8)];
    expect((await diagramDistances(diagrams, 'wasserstein_1')).distances[0]).toBe(2);
    expect((await diagramDistances(diagrams, 'sorted_lifetimes')).distances[0]).toBe(0);
  });

  test('leaves out bars that never die, whatever their number', async () => {
    const diagrams = [
      Float32Array.of(0, Infinity, 0, 3),
      Float32Array.of(0, 3),
      Float32Array.of(0, 5, 2, Infinity, 1, Infinity),
    ];
    for (const [kind] of KINDS) {
      const { runCount, distances } = await diagramDistances(diagrams, kind);
      expect(runCount).toBe(3);
      expect([...distances]).toEqual([0, 2, 2]);
    }
  });

  test('empty diagrams are 0 apart; no diagram, and one, have no pair', async () => {
    const none = new Float32Array(0);
    expect((await diagramDistances([none, none], 'bottleneck')).distances).toEqual(Float64Array.of(0));
    expect((await diagramDistances([none], 'bottleneck')).distances).toHaveLength(0);
    expect((await diagramDistances([], 'bottleneck')).runCount).toBe(0);
  });

  test('names the diagram that is malformed, and ends with the reason of its signal', async () => {
    const diagrams = [Float32Array.of(0, 1), Float32Array.of(2, 1)];
    await expect(diagramDistances(diagrams, 'bottleneck')).rejects.toThrow('diagrams[1][1]');
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(diagramDistances(diagrams, 'bottleneck', { signal })).rejects.toThrow('enough');
  });
});

const secondsOf = (runs: number, bars: number, kind: DiagramDistance): number => {
  const { pairs, seconds } = predictDiagramDistances(new Uint32Array(runs).fill(bars), 1, kind);
  expect(pairs).toBe((runs * (runs - 1)) / 2);
  return seconds;
};

describe('predictDiagramDistances', () => {
  test('counts the pairs, and predicts more seconds for more bars, and for more runs', () => {
    for (const [kind] of KINDS) {
      expect(secondsOf(10, 200, kind)).toBeGreaterThan(secondsOf(10, 100, kind));
      expect(secondsOf(20, 100, kind)).toBeCloseTo((secondsOf(10, 100, kind) * 190) / 45, 12);
      expect(secondsOf(1, 100, kind)).toBe(0);
    }
    expect(secondsOf(100, 300, 'wasserstein_1')).toBeGreaterThan(10);
    expect(secondsOf(100, 300, 'wasserstein_1')).toBeLessThan(60);
    expect(secondsOf(100, 300, 'wasserstein_1')).toBeGreaterThan(secondsOf(100, 300, 'bottleneck'));
    const degreeZero = predictDiagramDistances(new Uint32Array(100).fill(300), 0, 'wasserstein_1');
    expect(degreeZero.seconds).toBeLessThan(secondsOf(100, 300, 'wasserstein_1') / 5);
  });
});

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Squared distances of the residuals of each coordinate over the covariate. */
function residualsOfCoordinates(
  rows: readonly (readonly number[])[],
  covariate: readonly number[],
): number[] {
  const x = covariate.map((value) => value - mean(covariate));
  const spread = x.reduce((sum, value) => sum + value * value, 0);
  const columns = rows[0]!.map((_, at) => {
    const column = rows.map((row) => row[at]!);
    const slope = spread === 0 ? 0 : x.reduce((sum, value, run) => sum + value * column[run]!, 0) / spread;
    return column.map((value, run) => value - slope * x[run]!);
  });
  return rows.flatMap((_, run) =>
    rows
      .slice(0, run)
      .map((__, other) => columns.reduce((sum, column) => sum + (column[run]! - column[other]!) ** 2, 0)),
  );
}

describe('residualSquares', () => {
  test('are the squared distances of the residuals of the coordinates', () => {
    const rows = fc.array(fc.tuple(anyPlaces, anyPlaces, fc.integer({ min: 1, max: 9 })), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(rows, (runs) => {
        const places = runs.map(([x, y]) => [x, y]);
        const covariate = runs.map(([, , distinct]) => Math.log(distinct));
        const squares = residualsOfCoordinates(
          places,
          runs.map(() => 0),
        );
        const expected = residualsOfCoordinates(places, covariate);
        const actual = residualSquares(Float64Array.from(squares), Float64Array.from(covariate));
        expect(actual).toHaveLength(expected.length);
        expected.forEach((square, place) => expect(actual[place]).toBeCloseTo(square, 9));
      }),
    );
  });
});

/** A diagram of as many bars as a run has distinct outputs, with one length. */
const barsOf = (count: number, length: number): Float32Array =>
  Float32Array.from({ length: 2 * count }, (_, place) => (place % 2) * length);

describe('diagramGroups', () => {
  const groups = Uint32Array.of(0, 0, 0, 0, 1, 1, 1, 1);

  test('a difference that is only one of the number of distinct outputs is gone after ln(distinct)', async () => {
    const distinct = [11, 12, 13, 14, 60, 65, 70, 75];
    const result = await diagramGroups(
      {
        diagrams: distinct.map((count) => barsOf(count, 1)),
        distinct,
        design: { groups },
        kind: 'wasserstein_1',
      },
      { limit: 35 },
    );
    expect([...result.barCounts]).toEqual(distinct);
    expect(result.permanova.test!.p).toBe(1 / 35);
    expect(result.afterDistinct.rSquared).toBeLessThan(0.2);
    expect(result.afterDistinct.test!.p).toBeGreaterThan(0.2);
    expect(result.means.between).toBeGreaterThan(result.means.within!);
  });

  test('a difference of lengths stays after ln(distinct)', async () => {
    const distinct = [10, 20, 12, 18, 11, 19, 13, 17];
    const { afterDistinct } = await diagramGroups({
      diagrams: distinct.map((count, run) => barsOf(count, groups[run] === 0 ? 1 : 3)),
      distinct,
      design: { groups },
      kind: 'bottleneck',
    });
    expect(afterDistinct.test!.p).toBe(1 / 35);
  });

  test('distances that follow ln(distinct) exactly leave nothing, with the reason', async () => {
    // What is left of these is rounding above 0.
    const distinct = [1, 1, 1, 2, 4, 4, 8, 8];
    const input = { distinct, design: { groups }, kind: 'bottleneck' as const };
    // The bottleneck distance of one bar of length L from another is the difference of the lengths.
    const diagrams = distinct.map((count) => Float32Array.of(0, 100 + Math.log2(count)));
    const { permanova, afterDistinct } = await diagramGroups({ ...input, diagrams });
    expect(permanova.test!.p).toBe(1 / 35);
    expect(afterDistinct).toMatchObject({ pseudoF: null, test: null });
    expect(afterDistinct.reason).toContain('explain all');
    const equal = await diagramGroups({ ...input, diagrams: distinct.map(() => barsOf(3, 1)) });
    expect(equal.afterDistinct.reason).toBe('all distances between runs are 0');
    expect(equal.permanova.reason).toBe('all distances between runs are 0');
    expect(equal.means).toMatchObject({ within: 0, between: 0 });
  });

  test('is unchanged by the order of the runs and the names of the groups', async () => {
    const distinct = [10, 20, 12, 18, 11, 19, 13, 17];
    const diagrams = distinct.map((count, run) => barsOf(count, 1 + (run % 3)));
    const kind = 'wasserstein_2';
    const result = await diagramGroups({ diagrams, distinct, design: { groups }, kind });
    const turned = await diagramGroups({
      diagrams: diagrams.toReversed(),
      distinct: distinct.toReversed(),
      design: { groups: groups.toReversed().map((group) => 1 - group) },
      kind,
    });
    expect(turned.permanova.pseudoF).toBeCloseTo(result.permanova.pseudoF!, 8);
    expect(turned.afterDistinct.pseudoF).toBeCloseTo(result.afterDistinct.pseudoF!, 8);
    expect(turned.permanova.test).toEqual(result.permanova.test);
    expect(turned.afterDistinct.test).toEqual(result.afterDistinct.test);
  });

  test.each([
    ['a run without a count', { distinct: [1] }, 'distinct has 1 numbers and groups has 2'],
    ['a count of 0', { distinct: [1, 0] }, 'distinct[1] is 0'],
    ['groups of other runs', { design: { groups: Uint32Array.of(0) } }, 'there are 2 diagrams'],
  ])('refuses %s', async (_, wrong, message) => {
    const work = diagramGroups({
      diagrams: [barsOf(1, 1), barsOf(2, 1)],
      distinct: [1, 2],
      design: { groups: Uint32Array.of(0, 1) },
      kind: 'bottleneck',
      ...wrong,
    });
    await expect(work).rejects.toThrow(AnalysisInputError);
    await expect(work).rejects.toThrow(message);
  });
});
