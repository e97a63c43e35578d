import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { AnalysisInputError, distinctGrowth, extendCycle } from '../../../analysis/index.js';
import { describeReference, readReference } from '../reference.js';

const Cycles = z.object({
  cases: z.array(
    z.object({
      cycle_start: z.number().nullable(),
      cycle_length: z.number().nullable(),
      outputs_when_stopped: z.array(z.string()),
      texts_when_stopped: z.array(z.string()),
      texts_when_continued: z.array(z.string()),
      expected: z
        .object({
          first_text_of_the_cycle: z.number(),
          texts_in_a_round: z.number(),
          extended_to_40: z.array(z.string()),
          distinct_growth_of_extended: z.array(z.number()),
        })
        .optional(),
    }),
  ),
});

describeReference('cycles of the reference', () => {
  test('a run that stopped at a cycle, extended, is the run that went on', () => {
    const { cases } = readReference('cycles.json', Cycles);
    let extended = 0;
    for (const run of cases) {
      if (run.cycle_start === null || run.cycle_length === null || run.expected === undefined) continue;
      extended++;
      const names = [...new Set(run.texts_when_continued)];
      const numbers = Uint32Array.from(run.texts_when_stopped, (text) => names.indexOf(text));
      const invocations = Uint32Array.from(
        [...run.outputs_when_stopped.keys()].filter((k) => run.outputs_when_stopped[k]!.startsWith('t')),
      );
      const cycle = { start: run.cycle_start, length: run.cycle_length };
      const found = extendCycle(numbers, invocations, cycle, 40);
      const texts = [...found].map((number) => names[number]);
      expect(texts).toEqual(run.expected.extended_to_40);
      expect(texts.slice(0, run.texts_when_continued.length)).toEqual(run.texts_when_continued);
      expect([...distinctGrowth(found).growth]).toEqual(run.expected.distinct_growth_of_extended);
      const first = run.expected.first_text_of_the_cycle;
      const inRound = run.expected.texts_in_a_round;
      expect(invocations.findIndex((invocation) => invocation >= cycle.start)).toBe(first);
      expect(texts[first + inRound]).toBe(texts[first]);
    }
    expect(extended).toBeGreaterThan(3);
  });
});

test('every extended step is the one a round before, and stored steps stay', () => {
  fc.assert(
    fc.property(
      fc.record({
        lead: fc.nat({ max: 6 }),
        round: fc.integer({ min: 1, max: 6 }),
        networkLength: fc.integer({ min: 1, max: 3 }),
        horizon: fc.nat({ max: 50 }),
        extra: fc.nat({ max: 8 }),
      }),
      ({ lead, round, networkLength, horizon, extra }) => {
        const n = lead + round + extra;
        const steps = Uint32Array.from({ length: n }, (_, k) => (k < lead ? k : lead + ((k - lead) % round)));
        // The last invocation of each round of the network is embedded.
        const invocations = steps.map((_, k) => (k + 1) * networkLength - 1);
        const cycle = { start: lead * networkLength, length: round * networkLength };
        const found = extendCycle(steps, invocations, cycle, horizon);
        expect(found).toHaveLength(Math.max(n, horizon));
        expect(found.subarray(0, n)).toEqual(steps);
        found.forEach((row, k) => expect(row).toBe(k < lead ? k : lead + ((k - lead) % round)));
      },
    ),
  );
});

test('outputs that the store lacks, or that do not repeat, are refused', () => {
  const invocations = Uint32Array.of(1, 3, 5, 7);
  const extend = (steps: number[], start: number, length: number) =>
    extendCycle(Uint32Array.from(steps), invocations, { start, length }, 10);
  expect(() => extend([1, 2, 3, 4], 2, 2)).toThrow(AnalysisInputError);
  expect(() => extend([1, 2, 3, 4], 2, 2)).toThrow('steps[2] is 3, but steps[1], one round before, is 2');
  expect(() => extend([1, 2, 2, 2], 8, 2)).toThrow('no step lies in the cycle of the invocations 8 to 9');
  expect(() => extend([1, 2, 2], 2, 2)).toThrow('steps has 3 numbers and invocations 4');
  expect(() => extend([1, 2, 2, 2], 2, 0)).toThrow('length 0');
  expect(() => extend([1, 2, 2, 2], -1, 2)).toThrow('start -1');
  expect(() => extendCycle(Uint32Array.of(1, 2), Uint32Array.of(3, 3), { start: 0, length: 2 }, 10)).toThrow(
    'invocations[1] is 3',
  );
});
