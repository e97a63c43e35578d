import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { drawingRunCount, drawingRunsBefore } from '../../experiment/config.js';
import { modelAt } from '../../experiment/config.js';
import { planOf, runCoordinates, runCount, type ExperimentConfig } from '../../experiment/index.js';
import { catalogue, smallestConfig } from '../support/small-catalogue.js';

const diagramBytes = (points: number, maxDimension: number): number => points ** 2 * (maxDimension + 1);

const config: ExperimentConfig = {
  ...smallestConfig,
  networks: [
    ['Painter', 'Describer'],
    ['Rewriter', 'Painter', 'Describer'],
  ],
  prompts: ['a', 'b'],
  seeds: [1, 2, -1],
  embedding_models: ['TextPoints', 'ImagePoints'],
  max_length: 7,
};

describe('a plan', () => {
  test('counts runs, invocations, embeddings and diagrams', () => {
    // Network 0: 4 images and 3 texts a run; network 1: Rewriter at steps 0, 3, 6, so 5 texts and 2 images; 6 runs each.
    expect(planOf(config, catalogue, { diagramBytes })).toMatchObject({
      runs: 12,
      invocations: 84,
      invocationsByModel: [
        { model: 'Painter', count: 36 },
        { model: 'Describer', count: 30 },
        { model: 'Rewriter', count: 18 },
      ],
      embeddings: 84,
      embeddingsByModel: [
        { model: 'TextPoints', count: 48 },
        { model: 'ImagePoints', count: 36 },
      ],
      diagrams: 24,
      largestDiagramPoints: 5,
      largestDiagramBytes: 75,
    });
  });

  test('counts the diagrams of surrogates, of which there are none without a null model', () => {
    const without = planOf(config, catalogue, { diagramBytes });
    expect(without.surrogateDiagrams).toBe(0);
    const null_model = { surrogates: 19, kinds: ['shuffled_increments', 'sphere'] } as const;
    const plan = planOf({ ...config, null_model }, catalogue, { diagramBytes });
    expect(plan).toMatchObject({ diagrams: 24, surrogateDiagrams: 24 * 2 * 19 });
    expect(plan.databaseBytes).toBeGreaterThan(without.databaseBytes);
  });

  test('gives a time only if the history knows every model', () => {
    const history = {
      msPerInvocation: new Map([
        ['Painter', 10],
        ['Describer', 5],
        ['Rewriter', 1],
      ]),
      msPerVector: new Map([['TextPoints', 2]]),
      bytesPerImage: new Map([['Painter', 1000]]),
    };
    const partial = planOf(config, catalogue, { diagramBytes, history });
    expect(partial.modelMs).toBeNull();
    expect(partial.invocationsByModel[0]).toEqual({
      model: 'Painter',
      count: 36,
      ms: 360,
      from: 'history',
    });
    expect(partial.objectBytes).toBe(36_000);
    const whole = {
      ...history,
      msPerVector: new Map([
        ['TextPoints', 2],
        ['ImagePoints', 3],
      ]),
    };
    expect(planOf(config, catalogue, { diagramBytes, history: whole }).modelMs).toBe(
      360 + 150 + 18 + 96 + 108,
    );
    expect(planOf(config, catalogue, { diagramBytes }).modelMs).toBeNull();
  });

  test('takes a measurement if the history knows nothing, and says which it was', () => {
    const known = {
      msPerInvocation: new Map([['Painter', 10]]),
      msPerVector: new Map<string, number>(),
      bytesPerImage: new Map<string, number>(),
    };
    const measured = {
      msPerInvocation: new Map([
        ['Painter', 1],
        ['Describer', 5],
      ]),
      msPerVector: new Map([['TextPoints', 2]]),
    };
    const plan = planOf(config, catalogue, { diagramBytes, history: known, measured });
    expect(plan.invocationsByModel).toEqual([
      { model: 'Painter', count: 36, ms: 360, from: 'history' },
      { model: 'Describer', count: 30, ms: 150, from: 'measurement' },
      { model: 'Rewriter', count: 18, ms: null, from: null },
    ]);
    expect(plan.embeddingsByModel[0]).toMatchObject({ ms: 96, from: 'measurement' });
    expect(plan.modelMs).toBeNull();
  });

  test('states its assumptions', () => {
    expect(planOf(config, catalogue, { diagramBytes }).assumptions.join(' ')).toContain('upper bounds');
  });

  test('agrees with walking through every step', () => {
    const networks = fc.uniqueArray(
      fc.constantFrom(
        ['Painter', 'Describer'],
        ['Rewriter'],
        ['Rewriter', 'Painter', 'Describer'],
        ['Painter', 'Restyler', 'Describer'],
      ),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(
        networks,
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 4 }),
        (networks, max_length, seeds) => {
          const one = {
            ...config,
            networks,
            max_length,
            seeds: Array.from({ length: seeds }, (_, seed) => seed),
          };
          const walked = new Map<string, number>();
          for (let index = 0; index < runCount(one); index++) {
            const { network } = runCoordinates(one, index);
            for (let step = 0; step < max_length; step++) {
              const name = network[step % network.length]!;
              walked.set(name, (walked.get(name) ?? 0) + 1);
            }
          }
          const plan = planOf(one, catalogue, { diagramBytes });
          const counted = plan.invocationsByModel.filter(({ count }) => count > 0);
          expect(new Map(counted.map(({ model, count }) => [model, count]))).toEqual(walked);
          expect(plan.embeddings).toBe(plan.invocations);
          expect(plan.largestDiagramPoints).toBeLessThanOrEqual(max_length);
        },
      ),
    );
  });
});

describe('the runs of an experiment', () => {
  test('are the product of networks, then seeds, then prompts, prompts fastest', () => {
    const expected = config.networks.flatMap((network) =>
      config.seeds.flatMap((seed) => config.prompts.map((prompt) => ({ network, seed, prompt }))),
    );
    const runs = Array.from({ length: runCount(config) }, (_, index) => runCoordinates(config, index));
    expect(runs).toEqual(
      expected.map((run, index) => ({ index, networkIndex: config.networks.indexOf(run.network), ...run })),
    );
  });

  test('call the models of their network in turn', () => {
    const steps = Array.from({ length: 7 }, (_, sequence) => modelAt(['a', 'b', 'c'], sequence));
    expect(steps).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a']);
  });

  test.each([-1, 12, 0.5, Number.NaN])('have no index %p', (index) => {
    expect(() => runCoordinates(config, index)).toThrow(RangeError);
  });
});

test('the place of a run among the drawn seeds is the number of runs before it that draw one', () => {
  const lists = fc.record({
    seeds: fc.array(fc.constantFrom(-1, 3), { minLength: 1, maxLength: 4 }),
    networks: fc.constantFrom(1, 2, 3),
    prompts: fc.constantFrom(1, 2, 5),
  });
  fc.assert(
    fc.property(lists, ({ seeds, networks, prompts }) => {
      const of = {
        ...config,
        seeds,
        networks: Array.from({ length: networks }, () => ['Painter']),
        prompts: Array.from({ length: prompts }, (_, k) => `prompt ${k}`),
      };
      let before = 0;
      for (let index = 0; index < runCount(of); index++) {
        expect(drawingRunsBefore(of, index)).toBe(before);
        if (runCoordinates(of, index).seed === -1) before++;
      }
      expect(drawingRunCount(of)).toBe(before);
    }),
  );
});
