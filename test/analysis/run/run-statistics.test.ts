import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import {
  AnalysisInputError,
  autocorrelation,
  changePoints,
  distinctGrowth,
  drift,
  exactCycle,
  meanSquaredDisplacement,
  nearCycle,
  recurrence,
  runStatistics,
  stepStatistics,
} from '../../../analysis/index.js';
import type { RunContext, RunStatistics, Trajectory } from '../../../analysis/index.js';
import { runStatisticsWork } from '../../../analysis/run/run-statistics.js';
import { describeRunCurve, RUN_CURVE_NAMES } from '../../../experiment/run-curves.js';
import { describeRunStatistic, RUN_STATISTIC_NAMES } from '../../../experiment/run-statistics.js';
import { atOnce } from '../../../tda/pacer.js';
import { arbitraryTrajectory, rotated, signedPermutation } from '../arbitrary-trajectories.js';
import { expectNear } from '../near.js';
import { describeReference, readTrajectory, referenceNames } from '../reference.js';

const NOTHING: Omit<RunContext, 'outputs'> = { radius: 0.2, prompt: null, otherPrompts: null };

/** The statistics of a run whose outputs are as distinct as its rows. */
function measure(trajectory: Trajectory, context: Partial<RunContext> = {}): RunStatistics | null {
  return atOnce(runStatisticsWork(trajectory, { ...NOTHING, outputs: trajectory.sequence, ...context }));
}

function onALine(...values: number[]): Trajectory {
  return {
    vectors: Float32Array.from(values),
    dimension: 1,
    sequence: Uint32Array.from(values, (_, step) => step),
  };
}

describeReference('statistics of a run of the reference', () => {
  test.each(referenceNames('trajectories'))(
    '%s has in one pass what each function says alone',
    async (name) => {
      const { trajectory, prompt } = readTrajectory(name, z.unknown());
      const { dimension, sequence } = trajectory;
      const otherPrompts = { points: trajectory.vectors.slice(0, dimension), dimension };
      const { values, curves } = measure(trajectory, { prompt, otherPrompts })!;
      expect(values).toMatchObject(numbersOf(stepStatistics(trajectory)!));

      const drifts = drift(trajectory, { prompt, otherPrompts });
      expect(curves.driftPrompt).toEqual(drifts.prompt!.euclidean);
      expect(curves.driftOtherPrompts).toEqual(drifts.otherPrompts!.euclidean);
      expect(curves.driftFirst).toEqual(drifts.first!.euclidean);
      for (const origin of ['prompt', 'otherPrompts', 'first'] as const) {
        const prefix = `drift${capital(origin)}`;
        const named = ['euclideanEnd', 'euclideanLate', 'cosineEnd', 'cosineLate'] as const;
        const found = named.map((part) => [`${prefix}${capital(part)}`, drifts[origin]![part]]);
        expect(values).toMatchObject(Object.fromEntries(found));
      }

      const spread = meanSquaredDisplacement(trajectory);
      expectNear('MSD', curves.meanSquaredDisplacement, spread?.values ?? null);
      expectNear('exponent', values.msdExponent, spread?.exponent ?? null);
      expectNear('r²', values.msdRSquared, spread?.rSquared ?? null);
      const memory = autocorrelation(trajectory);
      expectNear('autocorrelation', curves.autocorrelation, memory?.values ?? null);
      expectNear('decorrelation time', values.decorrelationTime, memory?.decorrelationTime ?? null);
      expectNear('integrated time', values.integratedTime, memory?.integratedTime ?? null);
      expectNear('sample size', values.effectiveSampleSize, memory?.effectiveSampleSize ?? null);
      for (const [setting, prefix] of [
        [{ radius: 0.2 }, 'fixedRadius'],
        [{ rate: 0.05 }, 'fixedRate'],
      ] as const) {
        const found = Object.entries(recurrence(trajectory, setting) ?? {});
        const named = found.map(([key, value]) => [`${prefix}${capital(key)}`, value]);
        expect(values).toMatchObject(Object.fromEntries(named));
      }

      const changes = await changePoints(trajectory);
      expect(values.changesWhite).toBe(changes?.white.changes ?? null);
      expect(values.changesShortMemory).toBe(changes?.shortMemory.changes ?? null);
      expectNear('ends', curves.changesWhite, changes?.white.ends ?? null);
      expectNear('ends', curves.changesShortMemory, changes?.shortMemory.ends ?? null);
      const near = nearCycle(trajectory, 0.2);
      expect([values.nearPeriod, values.absorbedAt]).toEqual([near?.period ?? null, near?.onset ?? null]);
      const exact = exactCycle(sequence);
      expect([values.exactPeriod, values.exactlyAbsorbedAt]).toEqual([
        exact?.period ?? null,
        exact?.onset ?? null,
      ]);
      const growth = distinctGrowth(sequence);
      expect(curves.distinctGrowth).toEqual(growth.growth);
      const { firstRepeatAt, heapsExponent, heapsRSquared } = growth;
      expect(values).toMatchObject({ firstRepeatAt, heapsExponent, heapsRSquared });
    },
  );
});

function capital(name: string): string {
  return `${name[0]!.toUpperCase()}${name.slice(1)}`;
}

function numbersOf(steps: object): object {
  return Object.fromEntries(
    Object.entries(steps).filter(([, value]) => typeof value === 'number' || value === null),
  );
}

const arbitraryContext = fc.record({
  radius: fc.option(fc.integer({ min: 0, max: 30 }).map((eighths) => eighths / 8)),
  hasPrompt: fc.boolean(),
});

describe('the numbers of a run', () => {
  test('are those that are described, within their ranges, and null only by a rule', () => {
    fc.assert(
      fc.property(
        arbitraryTrajectory({ least: 1 }),
        arbitraryContext,
        (trajectory, { radius, hasPrompt }) => {
          const { vectors, dimension } = trajectory;
          const prompt = hasPrompt ? new Float32Array(dimension).fill(-1) : null;
          const otherPrompts = hasPrompt ? { points: vectors.map((value) => -value), dimension } : null;
          const { values, curves } = measure(trajectory, { radius, prompt, otherPrompts })!;
          expect(new Set(Object.keys(values))).toEqual(new Set(RUN_STATISTIC_NAMES));
          expect(new Set(Object.keys(curves))).toEqual(new Set(RUN_CURVE_NAMES));
          const faults: unknown[] = [];
          for (const name of RUN_STATISTIC_NAMES) {
            const { nullRule, least, most, stored } = describeRunStatistic(name);
            const value = values[name];
            const isInRange = value !== null && value >= least && value <= most && Number.isFinite(value);
            const isWhole = stored === 'real' || Number.isInteger(value);
            if (!(value === null ? nullRule !== null : isInRange && isWhole)) faults.push([name, value]);
          }
          expect(faults).toEqual([]);
          for (const name of RUN_CURVE_NAMES) {
            const curve = curves[name];
            if (curve === null) expect(describeRunCurve(name).nullRule).not.toBeNull();
            else expect(curve.every((value) => Number.isFinite(value))).toBe(true);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test('depend neither on an exact rotation of the space nor on the order of the rows', () => {
    fc.assert(
      fc.property(arbitraryTrajectory({ least: 2 }), fc.integer(), (trajectory, seed) => {
        const { values } = measure(trajectory, { radius: 1.03 })!;
        const turned = measure(signedPermutation(trajectory, seed), { radius: 1.03 })!.values;
        const rows = trajectory.vectors.length / trajectory.dimension;
        const sequence = trajectory.sequence.map((row) => rows - 1 - row);
        const vectors = trajectory.vectors.map((_, place) => {
          const at = place % trajectory.dimension;
          return trajectory.vectors[(rows - 1) * trajectory.dimension - (place - at) + at]!;
        });
        const renumbered = measure({ ...trajectory, vectors, sequence }, { radius: 1.03 })!.values;
        for (const name of RUN_STATISTIC_NAMES) {
          expectNear(name, turned[name], values[name]);
          expectNear(name, renumbered[name], values[name]);
        }
      }),
    );
  });

  test('move little by a random rotation', () => {
    fc.assert(
      fc.property(arbitraryTrajectory({ least: 12 }), fc.integer(), (trajectory, seed) => {
        const context = { radius: 1.03, outputs: trajectory.sequence };
        const { values } = measure(trajectory, context)!;
        const turned = measure(rotated(trajectory, seed), context)!.values;
        for (const name of [
          'stepMean',
          'straightness',
          'totalVariance',
          'fixedRadiusRr',
          'fixedRadiusLam',
        ] as const) {
          expect(Math.abs((turned[name] ?? 0) - (values[name] ?? 0))).toBeLessThan(1e-4);
        }
        expect(turned.nearPeriod).toBe(values.nearPeriod);
      }),
    );
  });
});

describe('at the edges', () => {
  test('a run without an output has no row', () => {
    expect(measure(onALine())).toBeNull();
  });

  test('a run of one output has counts, and no pair', () => {
    const { values, curves } = measure(onALine(3), { prompt: Float32Array.of(-2) })!;
    const known = RUN_STATISTIC_NAMES.filter((name) => values[name] !== null && !name.startsWith('drift'));
    expect(known).toEqual([
      'pointCount',
      'distinctPointCount',
      'distinctOutputCount',
      'pairsSkipped',
      'zeroSteps',
      'netDisplacement',
      'radiusOfGyration',
      'totalVariance',
    ]);
    expect(values).toMatchObject({
      pointCount: 1,
      distinctOutputCount: 1,
      netDisplacement: 0,
      totalVariance: 0,
    });
    expect([...curves.driftPrompt!]).toEqual([2]);
    expect(curves.meanSquaredDisplacement).toBeNull();
  });

  test('a run of two outputs has a step, and a recurrence or none', () => {
    const apart = measure(onALine(0, 1))!.values;
    expect(apart).toMatchObject({
      stepMean: 1,
      straightness: 1,
      fixedRadiusRr: 0,
      fixedRadiusDet: null,
      fixedRadiusLam: 0,
    });
    expect(apart).toMatchObject({ fixedRateEpsilon: 1, fixedRateRr: 1, fixedRateDet: 0, fixedRateLam: 1 });
    expect(apart).toMatchObject({
      msdExponent: null,
      decorrelationTime: null,
      nearPeriod: null,
      heapsExponent: null,
      changesWhite: null,
    });
    expect(measure(onALine(1, 1))!.values).toMatchObject({
      stepMean: 0,
      straightness: null,
      fixedRadiusRr: 1,
    });
  });

  test('a run at rest has lengths 0 and no ratios, and rests from its first step', () => {
    const n = 20;
    const { values, curves } = measure({ ...onALine(4), sequence: new Uint32Array(n) })!;
    expect(values).toMatchObject({
      distinctOutputCount: 1,
      stepMax: 0,
      zeroSteps: n - 1,
      straightness: null,
      radiusOfGyration: 0,
      msdExponent: null,
      msdRSquared: null,
      decorrelationTime: null,
      effectiveSampleSize: null,
      fixedRadiusRr: 1,
      fixedRadiusLam: 1,
      fixedRateEpsilon: 0,
      firstRepeatAt: 1,
      returnTimeMedian: 1,
      heapsExponent: 0,
      heapsRSquared: null,
      exactPeriod: 1,
      exactlyAbsorbedAt: 0,
      nearPeriod: 1,
      absorbedAt: 0,
      changesWhite: 0,
      changesShortMemory: 0,
    });
    expectNear('DET', values.fixedRadiusDet, 1 - 2 / (n * (n - 1)));
    expect([...curves.meanSquaredDisplacement!]).toEqual([0, 0, 0, 0]);
    expect(curves.autocorrelation).toBeNull();
  });

  test('without a radius, what needs one is null, and the rest is there', () => {
    const run = onALine(...Array.from({ length: 30 }, (_, step) => step % 3));
    const { values } = measure(run, { radius: null })!;
    const with0 = measure(run, { radius: 0 })!.values;
    for (const name of RUN_STATISTIC_NAMES) {
      const needsRadius = name.startsWith('fixedRadius') || name === 'nearPeriod' || name === 'absorbedAt';
      expect([name, values[name]]).toEqual([name, needsRadius ? null : with0[name]]);
    }
    expect(with0.nearPeriod).toBe(3);
  });

  test('exact repeats count outputs, and not vectors', () => {
    const outputs = Uint32Array.from({ length: 20 }, (_, step) => step);
    const { values } = measure({ ...onALine(4), sequence: new Uint32Array(20) }, { outputs })!;
    expect(values).toMatchObject({
      distinctPointCount: 1,
      distinctOutputCount: 20,
      exactPeriod: null,
      nearPeriod: 1,
    });
    expect(values).toMatchObject({ firstRepeatAt: null, returnTimeMedian: null });
    expect(values.heapsExponent).toBeCloseTo(1, 12);
  });

  test('rows that no step has do not count', () => {
    const run = { ...onALine(0, 5, 9, 9), sequence: Uint32Array.of(0, 1, 0) };
    expect(measure(run)!.values).toMatchObject({ distinctPointCount: 2, pointCount: 3 });
  });
});

test('the return time is the median over all repeats', () => {
  const run = { ...onALine(0, 1, 3, 6), sequence: Uint32Array.of(0, 1, 0, 2, 3, 3, 0, 1) };
  // Back to the same output: 2, 1, 4 and 6 steps.
  expect(measure(run)!.values.returnTimeMedian).toBe(3);
});

describe('a run of more than 20,000 outputs', () => {
  const sequence = Uint32Array.from({ length: 20_001 }, (_, step) => step % 4);
  const run = { ...onALine(0, 1, 3, 6), sequence };

  test('has no recurrence and says so; the rest is there', () => {
    const { values, curves } = measure(run)!;
    for (const name of RUN_STATISTIC_NAMES.filter(
      (one) => describeRunStatistic(one).group === 'recurrence',
    )) {
      expect([name, values[name]]).toEqual([name, null]);
    }
    expect(values).toMatchObject({
      pairsSkipped: 1,
      pointCount: 20_001,
      nearPeriod: 4,
      absorbedAt: 0,
      exactPeriod: 4,
    });
    expect(curves.autocorrelation).toHaveLength(1001);
    expect(curves.meanSquaredDisplacement!.at(2)).toBeCloseTo((36 + 1 + 4 + 9) / 4, 2);
  });
});

describe('the work', () => {
  test('comes in portions, the greatest a small part of the whole', () => {
    const n = 1200;
    const vectors = Float32Array.from({ length: n * 64 }, (_, place) => ((place * 7919) % 1009) / 1009);
    const sequence = Uint32Array.from({ length: n }, (_, step) => step);
    let operations = 0;
    let greatest = 0;
    const work = runStatisticsWork({ vectors, dimension: 64, sequence }, { ...NOTHING, outputs: sequence });
    for (let step = work.next(); step.done !== true; step = work.next()) {
      operations += step.value;
      greatest = Math.max(greatest, step.value);
    }
    expect(greatest).toBeLessThan(operations / 20);
    expect(greatest).toBeLessThan(16 * n * 64 + 1);
  });

  test('gives the event loop its turns, and ends with the reason of its signal', async () => {
    const run = onALine(0, 1, 2);
    const context = { ...NOTHING, outputs: run.sequence };
    expect(await runStatistics(run, context)).toEqual(measure(run));
    const reason = new Error('the activity was cancelled');
    await expect(runStatistics(run, context, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe('bad input', () => {
  test('is refused by its place', () => {
    const run = onALine(0, 1);
    expect(() => measure(onALine(0, Number.NaN))).toThrow(AnalysisInputError);
    expect(() => measure(onALine(0, Number.NaN))).toThrow('vectors[1]');
    expect(() => measure(run, { outputs: Uint32Array.of(1) })).toThrow('outputs has 1 numbers');
    expect(() => measure(run, { radius: -1 })).toThrow('radius is -1');
    expect(() => measure(run, { prompt: Float32Array.of(1, 2) })).toThrow('prompt has vectors of 2 numbers');
    expect(() => measure(run, { prompt: Float32Array.of(Infinity) })).toThrow('prompt[0]');
  });
});
