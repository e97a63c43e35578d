import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { AnalysisInputError, type NoiseRule, type SymbolRun, symbols } from '../../../analysis/index.js';
import { describeReference, readReference } from '../reference.js';

const RULES: readonly NoiseRule[] = ['milestone', 'keep', 'drop'];

/** A run whose symbols are letters; a dot is noise. */
function run(letters: string, name = 'r', network = 'n', inCycle = false): SymbolRun {
  const numbers = Array.from(letters, (letter) => (letter === '.' ? null : letter.charCodeAt(0) - 65));
  return { run: name, network, symbols: numbers, inCycle };
}

function letter(symbol: number | null): string {
  return symbol === null ? '.' : String.fromCharCode(65 + symbol);
}

/** As the reference names it. */
function named(symbol: number | null): string | null {
  return symbol === null ? null : letter(symbol);
}

async function statistics(runs: readonly SymbolRun[], noise: NoiseRule) {
  const { runs: ofRuns, networks } = await symbols(runs, { noise, draws: 0 });
  return {
    dwells: ofRuns.map(({ dwells }) =>
      dwells.map((dwell) => `${letter(dwell.symbol)}${dwell.length}${dwell.censored ? '+' : ''}`).join(' '),
    ),
    transitions: networks.map(({ transitions }) =>
      transitions.map(({ from, to, count }) => `${letter(from)}>${letter(to)} ${count}`).join(', '),
    ),
    networks,
  };
}

/** Letters of a run with noise, weighted so that repeats and noise are frequent. */
const letters = fc
  .array(fc.constantFrom('A', 'A', 'A', 'B', 'B', 'C', '.', '.'), { maxLength: 40 })
  .map((list) => list.join(''));
const manyRuns = fc.array(letters, { minLength: 1, maxLength: 5 });

const Expected = z.object({
  transitions: z.array(z.tuple([z.string().nullable(), z.string().nullable(), z.number()])),
  dwells: z.array(z.tuple([z.string(), z.string().nullable(), z.number(), z.boolean()])),
  bigram_rows: z.number(),
});

describeReference(
  'symbols agree with cases by hand and with the tests of the program before this one',
  () => {
    const { cases } = readReference(
      'symbols.json',
      z.object({
        cases: z.array(
          z.object({
            name: z.string(),
            runs: z.array(z.object({ run: z.string(), symbols: z.array(z.string().nullable()) })),
            keep: Expected,
            drop: Expected,
            milestone: Expected,
          }),
        ),
      }),
    );
    test('there are cases', () => expect(cases.length).toBeGreaterThan(8));
    test.each(cases.flatMap((one) => RULES.map((rule) => [one.name, rule, one] as const)))(
      '%s: %s',
      async (_name, rule, one) => {
        const runs = one.runs.map(({ run: name, symbols: list }) =>
          run(list.map((symbol) => symbol ?? '.').join(''), name),
        );
        const found = await symbols(runs, { noise: rule, draws: 0 });
        const transitions = found.networks[0]!.transitions.map(({ from, to, count }) => [
          named(from),
          named(to),
          count,
        ]);
        expect(new Set(transitions.map((row) => row.join()))).toEqual(
          new Set(one[rule].transitions.map((row) => row.join())),
        );
        expect(transitions).toHaveLength(one[rule].transitions.length);
        const dwells = found.runs.flatMap((ofRun) =>
          ofRun.dwells.map(({ symbol, length, censored }) => [ofRun.run, named(symbol), length, censored]),
        );
        expect(dwells).toEqual(one[rule].dwells);
        const bigrams = found.runs.flatMap((ofRun) => ofRun.transitions.map(({ count }) => count));
        expect(bigrams.reduce((sum, count) => sum + count, 0)).toBe(one[rule].bigram_rows);
      },
    );
  },
);

describe('dwell times', () => {
  test('do not meet across noise, except with drop', async () => {
    const runs = [run('AA.A')];
    expect((await statistics(runs, 'keep')).dwells).toEqual(['A2 .1 A1+']);
    expect((await statistics(runs, 'milestone')).dwells).toEqual(['A4+']);
    expect((await statistics(runs, 'drop')).dwells).toEqual(['A3+']);
  });

  test('of two clusters with noise between them stay apart', async () => {
    const runs = [run('A.B.BA')];
    expect((await statistics(runs, 'keep')).dwells).toEqual(['A1 .1 B1 .1 B1 A1+']);
    expect((await statistics(runs, 'milestone')).dwells).toEqual(['A2 B3 A1+']);
  });

  test('of a run that starts where the run before it ends do not meet', async () => {
    expect((await statistics([run('AB'), run('BB')], 'keep')).dwells).toEqual(['A1 B1+', 'B2+']);
  });

  test('are censored at the end of a run, unless the run is in a cycle', async () => {
    expect((await statistics([run('AAB'), run('AAB', 's', 'n', true)], 'keep')).dwells).toEqual([
      'A2 B1+',
      'A2 B1',
    ]);
  });

  test('make up the states of the run again, and neighbours differ', async () => {
    await fc.assert(
      fc.asyncProperty(letters, fc.constantFrom(...RULES), async (text, rule) => {
        const { runs } = await symbols([run(text)], { noise: rule, draws: 0 });
        const { dwells } = runs[0]!;
        const states = {
          keep: text,
          drop: text.replaceAll('.', ''),
          milestone: text.replace(/^\.+/, '').replaceAll(/(.)\.+/g, (all, last) => last.repeat(all.length)),
        };
        expect(dwells.map(({ symbol, length }) => letter(symbol).repeat(length)).join('')).toBe(states[rule]);
        for (const [at, dwell] of dwells.slice(1).entries())
          expect(dwell.symbol).not.toBe(dwells[at]!.symbol);
      }),
    );
  });
});

describe('transitions', () => {
  test('are counted within runs: the end of a run leads nowhere', async () => {
    const { transitions } = await statistics([run('AAB', 'one'), run('BBA', 'two')], 'keep');
    expect(transitions).toEqual(['A>A 1, A>B 1, B>A 1, B>B 1']);
  });

  test('of a network are the sums over its runs, one less than the states of each run', async () => {
    await fc.assert(
      fc.asyncProperty(manyRuns, fc.constantFrom(...RULES), async (texts, rule) => {
        const { runs, networks } = await symbols(
          texts.map((text) => run(text)),
          { noise: rule, draws: 0 },
        );
        const sums = new Map<string, number>();
        for (const { transitions } of runs) {
          for (const { from, to, count } of transitions) {
            sums.set(`${from} ${to}`, (sums.get(`${from} ${to}`) ?? 0) + count);
          }
        }
        const ofNetwork = networks[0]!.transitions;
        expect(new Map(ofNetwork.map(({ from, to, count }) => [`${from} ${to}`, count]))).toEqual(sums);
        for (const { dwells, transitions } of runs) {
          const states = dwells.reduce((sum, { length }) => sum + length, 0);
          expect(transitions.reduce((sum, { count }) => sum + count, 0)).toBe(Math.max(0, states - 1));
        }
      }),
    );
  });

  test('do not depend on the order of the runs', async () => {
    await fc.assert(
      fc.asyncProperty(manyRuns, fc.constantFrom(...RULES), async (texts, rule) => {
        const one = await statistics(
          texts.map((text) => run(text)),
          rule,
        );
        const other = await statistics(
          texts.toReversed().map((text) => run(text)),
          rule,
        );
        expect(other.transitions).toEqual(one.transitions);
        expect(other.dwells).toEqual(one.dwells.toReversed());
      }),
    );
  });

  test('of two networks are never mixed, and runs keep their order', async () => {
    const runs = [run('AB', 'r0', 'one'), run('CC', 'r1', 'two'), run('BA', 'r2', 'one')];
    const { networks, transitions } = await statistics(runs, 'keep');
    expect(networks.map(({ network, runCount }) => [network, runCount])).toEqual([
      ['one', 2],
      ['two', 1],
    ]);
    expect(transitions).toEqual(['A>B 1, B>A 1', 'C>C 1']);
    const { runs: ofRuns } = await symbols(runs, { draws: 0 });
    expect(ofRuns.map(({ run: name, network }) => [name, network])).toEqual([
      ['r0', 'one'],
      ['r1', 'two'],
      ['r2', 'one'],
    ]);
  });
});

describe('probabilities', () => {
  test('of a row sum to 1; a state that no run left has none', async () => {
    const [network] = (await statistics([run('ABABC'), run('AAAB')], 'keep')).networks;
    expect(network!.states).toEqual([0, 1, 2]);
    expect(network!.rows).toEqual([
      { to: [0, 1], probabilities: Float64Array.of(0.4, 0.6) },
      { to: [0, 2], probabilities: Float64Array.of(0.5, 0.5) },
      null,
    ]);
    expect(network!.closedClasses).toEqual([]);
  });
});

describe('time in transit', () => {
  test('is the share of noise steps, whatever the rule', async () => {
    for (const rule of RULES) {
      const { networks } = await statistics([run('..AB'), run('.A', 's')], rule);
      expect(networks[0]).toMatchObject({ stepCount: 6, transitShare: 0.5 });
    }
  });

  test('counts -1 as noise, as an array of labels has it', async () => {
    const one = { ...run(''), symbols: Int32Array.of(0, -1, 1, 1) };
    const { networks } = await statistics([one], 'keep');
    expect(networks[0]).toMatchObject({ transitShare: 0.25, states: [0, 1, null] });
  });
});

describe('edges', () => {
  test.each(RULES)('no run is no network (%s)', async (noise) => {
    expect(await symbols([], { noise, draws: 0 })).toEqual({ noise, draws: 0, runs: [], networks: [] });
  });

  test.each([
    ['no step', '', { stepCount: 0, transitShare: null, states: [] }],
    ['one step', 'A', { stepCount: 1, transitShare: 0, states: [0] }],
    ['noise alone', '...', { stepCount: 3, transitShare: 1, states: [] }],
  ])('%s: nulls instead of numbers', async (_name, text, expected) => {
    const { networks } = await symbols([run(text)]);
    expect(networks[0]).toMatchObject({ ...expected, transitions: [], closedClasses: [], entropy: null });
  });

  test.each([
    [1.5, /symbols\[1\] of run r is 1\.5; expected the whole number/],
    [-2, /symbols\[1\] of run r is -2/],
    [Number.NaN, /is NaN/],
    [2 ** 32, /is 4294967296/],
  ])('a symbol %d is refused', async (symbol, message) => {
    const refused = symbols([{ ...run(''), symbols: [0, symbol] }]);
    await expect(refused).rejects.toThrow(AnalysisInputError);
    await expect(refused).rejects.toThrow(message);
  });

  test('a number of draws that is none is refused', async () => {
    await expect(symbols([], { draws: -1 })).rejects.toThrow(/draws is -1; expected a whole number/);
    await expect(symbols([], { draws: 0.5 })).rejects.toThrow(AnalysisInputError);
  });

  test('a noise rule that is none is refused', async () => {
    const noise: NoiseRule = JSON.parse('"leave"');
    await expect(symbols([], { noise })).rejects.toThrow(
      'noise is "leave"; expected milestone, keep or drop',
    );
  });

  test('an aborted call rejects with the reason', async () => {
    const controller = new AbortController();
    const running = symbols([run('AB'.repeat(2000))], { draws: 1e6, signal: controller.signal });
    controller.abort(new Error('no longer wanted'));
    await expect(running).rejects.toThrow('no longer wanted');
  });
});
