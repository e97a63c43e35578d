import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { type SymbolRun, symbols } from '../../../analysis/index.js';
import { communicatingClasses } from '../../../analysis/symbols/communicating-classes.js';
import { stationaryDistribution } from '../../../analysis/symbols/stationary.js';
import { countTransitions } from '../../../analysis/symbols/transition-counts.js';
import { atOnce } from '../../../tda/pacer.js';
import { describeReference, readReference } from '../reference.js';

function runsOf(...sequences: readonly (readonly (number | null)[])[]): SymbolRun[] {
  return sequences.map((list, place) => ({ run: `r${place}`, network: 'n', symbols: list, inCycle: false }));
}

async function networkOf(...sequences: readonly (readonly (number | null)[])[]) {
  const { networks } = await symbols(runsOf(...sequences), { noise: 'keep', draws: 0 });
  return networks[0]!;
}

/** Runs of few states, so that chains have classes of all sorts. */
const sequences = fc.array(fc.array(fc.nat(5), { maxLength: 12 }), { minLength: 1, maxLength: 5 });

const Markov = z.object({
  classes: z.array(z.array(z.number())),
  closed: z.array(z.array(z.number())),
  per_class: z.array(
    z.object({
      states: z.array(z.number()),
      stationary: z.array(z.number()),
      entropy_rate_nats: z.number(),
      marginal_entropy_nats: z.number(),
      second_eigenvalue_modulus: z.number().nullable(),
      slowest_timescale_steps: z.number().nullable(),
      detailed_balance_violation: z.number(),
    }),
  ),
  P: z.array(z.array(z.number()).nullable()),
  conditional_entropy_plug_in: z.number(),
  conditional_entropy_miller_madow: z.number(),
});

/** Within 1e-6 relative, and 1e-9 absolute near 0. */
function expectClose(found: number | null, expected: number | null): void {
  if (expected === null || found === null) expect(found).toBe(expected);
  else expect(Math.abs(found - expected)).toBeLessThanOrEqual(1e-9 + 1e-6 * Math.abs(expected));
}

describeReference('Markov chains agree with numpy and deeptime', () => {
  const { chains } = readReference(
    'symbols.json',
    z.object({
      chains: z.array(
        z.object({
          name: z.string(),
          runs: z.array(z.array(z.number())),
          counts: z.array(z.array(z.number())),
          markov: Markov,
        }),
      ),
    }),
  );
  test('there are chains', () => expect(chains.length).toBeGreaterThan(5));
  test.each(chains)('$name', async ({ runs, counts, markov }) => {
    const network = await networkOf(...runs);
    expect(network.states).toEqual(counts.map((_, state) => state));
    for (const { from, to, count } of network.transitions) expect(count).toBe(counts[from!]![to!]);
    expect(network.transitions).toHaveLength(counts.flat().filter((count) => count > 0).length);
    expect(network.classes).toEqual(markov.classes);
    expect(network.closedClasses.map(({ states }) => states)).toEqual(markov.closed);
    for (const [state, row] of network.rows.entries()) {
      const expected = markov.P[state]!;
      if (row === null || expected === null) expect(row).toBe(expected);
      else for (const [at, to] of row.to.entries()) expectClose(row.probabilities[at]!, expected[to!]!);
    }
    for (const [place, expected] of markov.per_class.entries()) {
      const chain = network.closedClasses[place]!.chain!;
      for (const [at, weight] of chain.stationary.entries()) expectClose(weight, expected.stationary[at]!);
      expectClose(chain.entropyRate, expected.entropy_rate_nats);
      expectClose(chain.stationaryEntropy, expected.marginal_entropy_nats);
      expectClose(chain.irreversibility, expected.detailed_balance_violation);
      expectClose(chain.relaxation[0]!.secondEigenvalue, expected.second_eigenvalue_modulus);
      expectClose(chain.relaxation[0]!.time, expected.slowest_timescale_steps);
    }
    expectClose(network.entropy!.plugIn, markov.conditional_entropy_plug_in);
    expectClose(network.entropy!.millerMadow, markov.conditional_entropy_miller_madow);
  });
});

describe('communicating classes', () => {
  test('are the sets of states that reach each other; a closed one has a count and no way out', () => {
    fc.assert(
      fc.property(sequences, (lists) => {
        const counts = countTransitions(
          lists.map((list) => Uint32Array.from(list)),
          6,
        );
        const leads = Array.from({ length: 6 }, (_, from) => {
          const row = counts.targets.subarray(counts.rowStarts[from], counts.rowStarts[from + 1]);
          return Array.from({ length: 6 }, (_, to) => row.includes(to));
        });
        const reaches = leads.map((row, from) => row.map((direct, to) => direct || from === to));
        for (let by = 0; by < 6; by++) {
          for (let from = 0; from < 6; from++) {
            for (let to = 0; to < 6; to++) reaches[from]![to] ||= reaches[from]![by]! && reaches[by]![to]!;
          }
        }
        const expected = new Map<number, number[]>();
        for (let state = 0; state < 6; state++) {
          const first = reaches[state]!.findIndex((there, other) => there && reaches[other]![state]!);
          expected.set(first, [...(expected.get(first) ?? []), state]);
        }
        const classes = communicatingClasses(counts);
        expect(classes.map(({ states }) => [...states])).toEqual([...expected.values()]);
        for (const { states, closed } of classes) {
          const stays = states.every((from) =>
            leads[from]!.every((there, to) => !there || states.includes(to)),
          );
          const counted = [...states].some((from) => leads[from]!.includes(true));
          expect(closed).toBe(stays && counted);
        }
      }),
    );
  });

  test('of a path of 200,000 states are found without recursion', () => {
    const path = Uint32Array.from({ length: 200_000 }, (_, step) => step);
    expect(communicatingClasses(countTransitions([path], path.length))).toHaveLength(path.length);
    const ring = Uint32Array.from({ length: 200_001 }, (_, step) => step % 200_000);
    expect(communicatingClasses(countTransitions([ring], 200_000))).toMatchObject([{ closed: true }]);
  });
});

describe('the stationary distribution', () => {
  test('is positive, sums to 1, and one step leaves it as it is', async () => {
    await fc.assert(
      fc.asyncProperty(sequences, async (lists) => {
        const network = await networkOf(...lists);
        for (const { states, chain } of network.closedClasses) {
          const next = new Map(states.map((symbol) => [symbol, 0]));
          for (const [place, symbol] of states.entries()) {
            const { to, probabilities } = network.rows[network.states.indexOf(symbol)]!;
            for (const [at, target] of to.entries()) {
              next.set(target, next.get(target)! + chain!.stationary[place]! * probabilities[at]!);
            }
          }
          for (const [place, symbol] of states.entries()) {
            expect(chain!.stationary[place]).toBeGreaterThan(0);
            expect(next.get(symbol)).toBeCloseTo(chain!.stationary[place]!, 12);
          }
          expect(chain!.stationary.reduce((sum, weight) => sum + weight)).toBeCloseTo(1, 12);
        }
      }),
    );
  });

  test('of states that are left once in 1e12 steps keeps its digits', () => {
    // Birth and death: detailed balance gives π exactly. Elimination with a subtraction loses four digits here.
    const rare = 1e-12;
    const matrix = Float64Array.of(0.5, 0.5, 0, rare, 0.5 - rare, 0.5, 0, rare, 1 - rare);
    const weights = [4 * rare * rare, 2 * rare, 1];
    const stationary = atOnce(stationaryDistribution(matrix, 3));
    for (const [state, weight] of weights.entries()) {
      expect(Math.abs(stationary[state]! / (weight / (1 + 2 * rare)) - 1)).toBeLessThan(1e-14);
    }
  });
});

describe('relaxation', () => {
  test('of a two-state chain is that of its eigenvalue 1 - a - b, at all lags if the chain is Markov', async () => {
    // Alternating stretches of 3 and 5: P = [[2/3, 1/3], [1/5, 4/5]] but for the end.
    const list = Array.from({ length: 8000 }, (_, step) => (step % 8 < 3 ? 0 : 1));
    const { chain } = (await networkOf(list)).closedClasses[0]!;
    expect(chain!.relaxation.map(({ lag }) => lag)).toEqual([1, 2, 4]);
    expect(chain!.relaxation[0]!.secondEigenvalue).toBeCloseTo(1 - 1 / 3 - 1 / 5, 3);
    expect(chain!.relaxation[0]!.time).toBeCloseTo(-1 / Math.log(7 / 15), 2);
    // The stretches have fixed lengths, which no Markov chain has: at lag 4 every 0 leads to 1.
    expect(chain!.relaxation[2]!.secondEigenvalue).toBeCloseTo(0.6, 2);
    expect(chain!.relaxation[2]!.time).toBeCloseTo(-4 / Math.log(0.6), 1);
  });

  test('of a ring of states never comes, at any lag', async () => {
    const list = Array.from({ length: 61 }, (_, step) => step % 5);
    const { chain } = (await networkOf(list)).closedClasses[0]!;
    for (const { secondEigenvalue, time } of chain!.relaxation) {
      expect(secondEigenvalue).toBeCloseTo(1, 12);
      expect(time).toBeNull();
    }
    expect(chain!.irreversibility).toBeCloseTo(1, 12);
    expect(chain!.entropyRate).toBe(0);
  });

  test('is null where nothing is left to relax, and for one state', async () => {
    // Every state leads to every state once: the next state does not depend on this one.
    const { chain } = (await networkOf([0, 0, 1, 1, 0])).closedClasses[0]!;
    expect(chain!.relaxation[0]).toMatchObject({ time: null });
    expect(chain!.relaxation[0]!.secondEigenvalue).toBeCloseTo(0, 12);
    const alone = (await networkOf([0, 0, 0])).closedClasses[0]!;
    expect(alone.chain!.relaxation[0]).toEqual({ lag: 1, secondEigenvalue: null, time: null });
  });

  test('is null at a lag at which no pair leaves some state', async () => {
    const { chain } = (await networkOf([0, 1, 0])).closedClasses[0]!;
    expect(chain!.relaxation.map(({ secondEigenvalue }) => secondEigenvalue)).toEqual([1, null, null]);
  });
});

/** Runs of two steps. */
function pairs(count: number): number[][] {
  return Array.from({ length: count }, () => [0, 1]);
}

/** A run that goes once round. */
function ring(size: number): number[] {
  return Array.from({ length: size + 1 }, (_, step) => step % size);
}

describe('the entropy of the next state', () => {
  test.each([
    [
      'the next symbol is always the same',
      [
        [0, 1],
        [2, 1],
      ],
      0,
      0,
    ],
    [
      'a symbol tells the next one',
      [
        [0, 1],
        [2, 3],
      ],
      0,
      Math.LN2,
    ],
    [
      'a symbol tells nothing of the next one',
      [
        [0, 1],
        [0, 2],
      ],
      Math.LN2,
      0,
    ],
  ])('and its information where %s', async (_name, lists, plugIn, information) => {
    const { entropy } = await networkOf(...lists);
    expect(entropy!.plugIn).toBeCloseTo(plugIn, 12);
    expect(entropy!.information).toBeCloseTo(information, 12);
  });

  test('is marked below five transitions to a used cell', async () => {
    expect((await networkOf(...pairs(4))).entropy).toMatchObject({ fewCounts: true, plugIn: 0 });
    expect((await networkOf(...pairs(5))).entropy).toMatchObject({ fewCounts: false, plugIn: 0 });
  });

  test('lies between 0 and that of the symbol, and no information is negative', async () => {
    await fc.assert(
      fc.asyncProperty(sequences, async (lists) => {
        const { entropy, states } = await networkOf(...lists);
        if (entropy === null) return;
        expect(entropy.plugIn).toBeGreaterThanOrEqual(0);
        expect(entropy.millerMadow).toBeGreaterThanOrEqual(entropy.plugIn);
        expect(entropy.information).toBeGreaterThanOrEqual(0);
        expect(entropy.plugIn + entropy.information).toBeLessThanOrEqual(Math.log(states.length) + 1e-12);
      }),
    );
  });
});

describe('a class of more than 1,024 states', () => {
  test('has its states and no chain', async () => {
    const { closedClasses } = await networkOf(ring(1025));
    expect(closedClasses).toHaveLength(1);
    expect(closedClasses[0]!.states).toHaveLength(1025);
    expect(closedClasses[0]!.chain).toBeNull();
  });
});
