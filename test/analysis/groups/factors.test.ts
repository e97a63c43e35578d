import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { AnalysisInputError, factors, type FactorRun } from '../../../analysis/index.js';
import { expectNear, fourStandardErrors } from './groups-of-runs.js';
import { describeReference, readReference } from '../reference.js';

const effects = { network: z.number(), prompt: z.number(), interaction: z.number(), residual: z.number() };
const components = z.object({ residual: z.number(), interaction: z.number(), prompt: z.number() });
const FactorsFile = z.object({
  cases: z.array(
    z.object({
      name: z.string(),
      rows: z.array(z.object({ network: z.string(), prompt: z.string(), seed: z.number(), y: z.number() })),
      expected: z.object({
        sums_of_squares: z.object(effects),
        degrees_of_freedom: z.object(effects),
        mean_squares: z.object(effects),
        eta_squared: z.object(effects),
        f_network_over_interaction: z.number(),
        variance_components_moments: components,
        variance_components_lme4_reml: components,
        p_network_within_prompts_of_19999: z.number(),
      }),
    }),
  ),
});

describeReference('factors and the reference', () => {
  test('sums of squares, F, components and p are those of numpy, R and lme4', () => {
    for (const { rows, expected } of readReference('factors.json', FactorsFile).cases) {
      const result = factors(rows.map(({ y, ...labels }) => ({ ...labels, value: y })));
      expect(result).toMatchObject({ incomplete: false, droppedPrompts: [], runs: rows.length });
      for (const name of ['network', 'prompt', 'interaction', 'residual'] as const) {
        const effect = result.effects![name]!;
        expectNear(effect.sumOfSquares, expected.sums_of_squares[name]);
        expect(effect.degreesOfFreedom).toBe(expected.degrees_of_freedom[name]);
        expectNear(effect.meanSquare, expected.mean_squares[name]);
        expectNear(effect.etaSquared, expected.eta_squared[name]);
      }
      const { seed, interaction, prompt } = result.effects!.variance;
      const moments = expected.variance_components_moments;
      expectNear(seed, moments.residual);
      expectNear(interaction, moments.interaction);
      expectNear(prompt, moments.prompt);
      if (prompt > 0 && interaction! > 0) {
        const reml = expected.variance_components_lme4_reml;
        expectNear(interaction, reml.interaction, 1e-4);
        expectNear(prompt, reml.prompt, 1e-4);
      }
      const { f, test } = result.networkTest;
      expectNear(f, expected.f_network_over_interaction);
      const p = expected.p_network_within_prompts_of_19999;
      expect(Math.abs(test!.p - p)).toBeLessThanOrEqual(fourStandardErrors(p, test!.compared, 19_999));
    }
  });
});

/** Values of networks × prompts × seeds from a function of their numbers. */
function design(
  sizes: readonly [networks: number, prompts: number, seeds: number],
  valueAt: (network: number, prompt: number, seed: number) => number,
): FactorRun[] {
  const [networks, prompts, seeds] = sizes;
  return Array.from({ length: networks * prompts * seeds }, (_, index) => {
    const network = index % networks;
    const prompt = Math.floor(index / networks) % prompts;
    const seed = Math.floor(index / (networks * prompts));
    return { network: `n${network}`, prompt: `p${prompt}`, seed, value: valueAt(network, prompt, seed) };
  });
}

/** Repeatable noise. */
const noise = (...numbers: number[]): number => {
  const sum = numbers.reduce(
    (total, number, place) => total + (number + 1) * [12.9898, 78.233, 37.719][place]!,
    0,
  );
  const value = Math.sin(sum) * 43_758.5453;
  return value - Math.floor(value);
};

const arbitraryDesigns = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }))
  .chain(([networks, prompts, seeds]) => {
    const count = networks * prompts * seeds;
    return fc
      .record({
        values: fc.array(fc.integer({ min: -2, max: 2 }), { minLength: count, maxLength: count }),
        kept: fc.array(fc.boolean(), { minLength: count, maxLength: count }),
      })
      .map(({ values, kept }) => {
        let next = 0;
        return design([networks, prompts, seeds], () => values[next++]!).filter(
          (_, run) => run === 0 || kept[run],
        );
      });
  });

describe('factors', () => {
  test('of a complete design split the sum of squares of the values', () => {
    fc.assert(
      fc.property(
        fc.tuple(
          fc.integer({ min: 2, max: 4 }),
          fc.integer({ min: 2, max: 4 }),
          fc.integer({ min: 1, max: 3 }),
        ),
        fc.nat(1000),
        (sizes, salt) => {
          const runs = design(sizes, (network, prompt, seed) => noise(network, prompt, seed + salt));
          const { network, prompt, interaction, residual } = factors(runs, { draws: 1 }).effects!;
          const mean = runs.reduce((sum, { value }) => sum + value, 0) / runs.length;
          const total = runs.reduce((sum, { value }) => sum + (value - mean) ** 2, 0);
          const all = [network, prompt, interaction, ...(residual === null ? [] : [residual])];
          expect(all.reduce((sum, { sumOfSquares }) => sum + sumOfSquares, 0)).toBeCloseTo(total, 10);
          expect(all.reduce((sum, { degreesOfFreedom }) => sum + degreesOfFreedom, 0)).toBe(runs.length - 1);
          expect(all.reduce((sum, { etaSquared }) => sum + etaSquared!, 0)).toBeCloseTo(1, 10);
          expect(residual === null).toBe(sizes[2] === 1);
        },
      ),
    );
  });

  test('are unchanged by the order of the runs and by an added constant, and by other names', () => {
    fc.assert(
      fc.property(arbitraryDesigns, (runs) => {
        const result = factors(runs);
        expect(factors(runs.toReversed())).toEqual(result);
        const moved = factors(runs.map((run) => ({ ...run, value: run.value + 7 })));
        expect(moved.networkTest.test?.p).toBe(result.networkTest.test?.p);
        const renamed = factors(
          runs.map((run) => ({ ...run, network: `${9 - Number(run.network.slice(1))}` })),
        );
        expectSame(renamed.networkTest.f, result.networkTest.f);
        expectSame(renamed.promptTest.f, result.promptTest.f);
        expect(renamed.networkTest.test?.arrangements).toBe(result.networkTest.test?.arrangements);
      }),
    );
  });

  test('are never NaN, and say why a test is absent', () => {
    fc.assert(
      fc.property(arbitraryDesigns, (runs) => {
        const result = factors(runs, { draws: 19 });
        for (const number of numbersIn(result)) expect(Number.isFinite(number)).toBe(true);
        for (const { f, test, reason } of [result.networkTest, result.promptTest]) {
          expect(f === null || test === null).toBe(reason !== null);
          if (test !== null) expect(test.p).toBeGreaterThanOrEqual(test.floor);
        }
      }),
    );
  });

  test('the smallest p of networks is one over the arrangements within prompts, and the result says so', () => {
    const runs = design(
      [2, 4, 2],
      (network, prompt, seed) => 10 * network + prompt + noise(network, prompt, seed),
    );
    const { f, test } = factors(runs).networkTest;
    // (2!)^(4 - 1) arrangements
    expect(test).toMatchObject({ p: 1 / 8, floor: 1 / 8, arrangements: 8, isExact: true });
    expect(f).toBeGreaterThan(100);
    const three = factors(design([3, 3, 1], (network, prompt) => 10 * network + noise(network, prompt, 0)));
    expect(three.networkTest.test).toMatchObject({ p: 1 / 36, arrangements: 36 });
  });

  test('a network that is best in some prompts only has a large p, however many seeds there are', () => {
    const crossed = design(
      [2, 6, 20],
      (network, prompt, seed) => (network === prompt % 2 ? 1 : 0) + 0.01 * noise(network, prompt, seed),
    );
    const result = factors(crossed);
    expect(result.networkTest.test!.p).toBeGreaterThan(0.3);
    expect(result.effects!.interaction.etaSquared).toBeGreaterThan(0.9);
  });

  test('prompts that differ have a small p, by exchange within networks', () => {
    const differing = design(
      [2, 3, 4],
      (network, prompt, seed) => 100 * network + prompt + noise(network, prompt, seed),
    );
    expect(factors(differing).promptTest.test!.p).toBe(0.001);
    const equal = design([2, 3, 4], (network, prompt, seed) => 100 * network + noise(network, prompt, seed));
    expect(factors(equal).promptTest.test!.p).toBeGreaterThan(0.05);
  });

  test('one seed in each cell leaves no residual, and the test of networks only', () => {
    const result = factors(design([3, 4, 1], (network, prompt) => network + noise(network, prompt, 0)));
    expect(result.effects!.residual).toBeNull();
    expect(result.effects!.variance).toMatchObject({ seed: null, interaction: null });
    expect(result.networkTest.test).not.toBeNull();
    expect(result.promptTest).toMatchObject({ f: null, test: null });
    expect(result.promptTest.reason).toContain('one run of each prompt');
  });

  test('missing runs are said, and the means of cells count alike', () => {
    const complete = design([2, 3, 4], (network, prompt) => network * prompt);
    const missing = complete.filter(
      ({ network, prompt, seed }) => !(network === 'n1' && prompt === 'p2' && seed > 0),
    );
    const result = factors(missing);
    expect(result).toMatchObject({ incomplete: true, droppedPrompts: [], runs: 21 });
    expect(result.runsPerCell).toBeCloseTo(6 / (5 / 4 + 1), 12);
    const whole = factors(complete).effects!;
    expect(result.effects!.network.etaSquared).toBeCloseTo(whole.network.etaSquared!, 12);
    expect(result.effects!.network.sumOfSquares).toBeCloseTo(
      (whole.network.sumOfSquares * result.runsPerCell!) / 4,
      12,
    );
    expect(result.networkTest.f).toBeCloseTo(factors(complete).networkTest.f!, 12);
  });

  test('a prompt that a network has no run of is dropped and named', () => {
    const complete = design([2, 3, 2], (network, prompt, seed) => noise(network, prompt, seed));
    const result = factors(complete.filter(({ network, prompt }) => !(network === 'n0' && prompt === 'p1')));
    expect(result).toMatchObject({
      incomplete: true,
      droppedPrompts: ['p1'],
      prompts: ['p0', 'p2'],
      runs: 8,
    });
    const without = factors(complete.filter(({ prompt }) => prompt !== 'p1'));
    expect(without.incomplete).toBe(false);
    expect(result.effects).toEqual(without.effects);
    expect(result.networkTest).toEqual(without.networkTest);
  });

  test.each([
    ['no run', [], 'at least two networks', 'at least two prompts'],
    ['one network', design([1, 3, 2], noise), 'at least two networks', null],
    ['one prompt', design([3, 1, 2], noise), 'at least two prompts', 'at least two prompts'],
    [
      'networks without a common prompt',
      design([2, 2, 2], noise).filter(({ network, prompt }) => network.slice(1) === prompt.slice(1)),
      'every network has a run',
      'every network has a run',
    ],
    ['equal values', design([2, 2, 2], () => 0.1), 'equal in each prompt', 'all values are equal'],
    [
      'values of prompts only',
      design([2, 2, 2], (_, prompt) => prompt / 3),
      'equal in each prompt',
      'all runs of a prompt are equal, so F is infinite',
    ],
    [
      'no interaction',
      design([2, 3, 2], (network, prompt, seed) => network / 3 + prompt / 7 + seed),
      'do not interact, so F is infinite',
      null,
    ],
  ])('%s: no F, and the reason', (_, runs, networkReason, promptReason) => {
    const { networkTest, promptTest } = factors(runs);
    expect(networkTest.f).toBeNull();
    expect(networkTest.reason).toContain(networkReason);
    if (promptReason === null) expect(promptTest.f).not.toBeNull();
    else expect(promptTest.reason).toContain(promptReason);
  });

  test('equal values have no shares of a variance, whether they sum exactly or not', () => {
    for (const value of [0.1, 1]) {
      const { network, prompt, interaction, residual } = factors(design([2, 3, 2], () => value)).effects!;
      for (const effect of [network, prompt, interaction, residual!]) expect(effect.etaSquared).toBeNull();
    }
  });

  test('refuses several values of one run, and a value that is not finite', () => {
    const runs = design([2, 2, 1], noise);
    expect(() => factors([...runs, runs[1]!])).toThrow(AnalysisInputError);
    expect(() => factors([...runs, runs[1]!])).toThrow(
      'runs[1] and runs[4] have one network, prompt and seed',
    );
    expect(() => factors(runs.map((run) => ({ ...run, value: NaN })))).toThrow('runs[0].value is NaN');
    const drawn = runs.map((run) => ({ ...run, seed: -1 }));
    expect(factors([...drawn, ...drawn]).runsPerCell).toBe(2);
  });
});

function expectSame(actual: number | null, expected: number | null): void {
  if (expected === null) expect(actual).toBeNull();
  else expectNear(actual, expected, 1e-9);
}

function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}
