import { describe, expect, test } from '@jest/globals';
import { type NoiseRule, type SymbolRun, symbols } from '../../../analysis/index.js';
import { SeededRandom } from '../../../tda/random.js';

const RULES: readonly NoiseRule[] = ['milestone', 'keep', 'drop'];

function runOf(list: readonly (number | null)[], name = 'r'): SymbolRun {
  return { run: name, network: 'n', symbols: list, inCycle: false };
}

/** Independent symbols 0 to 2, of which a share is noise. */
function independent(length: number, noise: number, seed: number): (number | null)[] {
  const random = new SeededRandom(seed);
  return Array.from({ length }, () => (random.uniform() < noise ? null : random.below(3)));
}

async function pOf(runs: readonly SymbolRun[], noise: NoiseRule, draws = 99): Promise<number> {
  const { networks } = await symbols(runs, { noise, draws });
  return networks[0]!.entropy!.informationP!;
}

describe('the p-value of what a symbol tells of the next one', () => {
  test('is the smallest there is for symbols that follow each other', async () => {
    const list = Array.from({ length: 60 }, (_, step) => step % 3);
    for (const rule of RULES) expect(await pOf([runOf(list)], rule)).toBe(0.01);
  });

  test('sees with drop the order behind the noise', async () => {
    // 0 and 1 take turns, with noise at every other step.
    const list = Array.from({ length: 40 }, (_, step) => (step % 2 === 0 ? (step / 2) % 2 : null));
    expect(await pOf([runOf(list)], 'drop')).toBe(0.01);
  });

  test.each(RULES)('is at most 0.05 for some 5 %% of runs without order, noise or not (%s)', async (rule) => {
    // With 60 % noise milestone repeats symbols. A null that shuffles only afterwards takes that for memory each time.
    for (const noise of [0, 0.6]) {
      let low = 0;
      for (let seed = 0; seed < 60; seed++) {
        if ((await pOf([runOf(independent(60, noise, seed))], rule, 39)) <= 0.05) low++;
      }
      // Binomial(60, 0.05) exceeds 9 with a probability of 0.1 %.
      expect(low).toBeLessThanOrEqual(9);
    }
  });

  test('shuffles within runs: runs that differ in what they visit are no order', async () => {
    // Shuffled together, the runs would lose that each stays in its own two symbols.
    let low = 0;
    for (let seed = 0; seed < 20; seed++) {
      const random = new SeededRandom(seed);
      const runs = [0, 2, 4].map((first, place) =>
        runOf(
          Array.from({ length: 20 }, () => first + random.below(2)),
          `r${place}`,
        ),
      );
      if ((await pOf(runs, 'keep', 19)) <= 0.05) low++;
    }
    expect(low).toBeLessThanOrEqual(5);
  });

  test('is 1 for a constant run, and null for 0 draws', async () => {
    const { networks } = await symbols([runOf([4, 4, 4, 4])], { draws: 19 });
    expect(networks[0]!.entropy).toMatchObject({ information: 0, informationP: 1 });
    const without = await symbols([runOf([4, 4, 4, 4])], { draws: 0 });
    expect(without.networks[0]!.entropy).toMatchObject({ information: 0, informationP: null });
  });

  test('is the same each time, and whatever numbers stand for the symbols in their order', async () => {
    const list = independent(40, 0.2, 7);
    const p = await pOf([runOf(list)], 'milestone');
    expect(await pOf([runOf(list)], 'milestone')).toBe(p);
    const renamed = list.map((symbol) => (symbol === null ? null : 10 * symbol + 3));
    expect(await pOf([runOf(renamed)], 'milestone')).toBe(p);
  });
});
