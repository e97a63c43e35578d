import { digestOf, drawRandom, permutationP } from '../inference/chance.js';
import { shuffle } from '../../tda/random.js';
import type { Work } from '../../tda/pacer.js';
import { orderInformation } from './entropy-rate.js';
import { type NoiseRule, statesOf } from './noise.js';
import type { CodedRuns } from './symbol-runs.js';
import { countTransitions } from './transition-counts.js';

/**
 * The p-value of I (`orderInformation`) against `order_0`: the symbols of each run in random order. The noise rule is
 * applied after the steps are shuffled, not before. `milestone` repeats a cluster until the next one is reached, so
 * that even symbols without any order would seem to have a memory.
 *
 * Null where I is null, and for 0 draws.
 */
export function* orderP(
  coded: CodedRuns,
  stateCount: number,
  rule: NoiseRule,
  draws: number,
): Work<number | null> {
  const noise = coded.alphabet.length;
  const observed = information(coded.codes);
  if (observed === null || draws === 0) return null;
  const lengths = Uint32Array.from(coded.codes, (codes) => codes.length);
  const digest = digestOf(lengths, ...coded.codes);
  const drawn = new Float64Array(draws);
  for (let draw = 0; draw < draws; draw++) {
    const random = drawRandom(`order_0 ${rule}`, digest, draw);
    const shuffled: Uint32Array[] = [];
    for (const codes of coded.codes) {
      const steps = codes.slice();
      shuffle(steps, random);
      shuffled.push(steps);
      yield WORD_OPERATIONS_PER_STEP * steps.length;
    }
    // A run whose noise comes first may lose all its pairs.
    drawn[draw] = information(shuffled) ?? 0;
  }
  return permutationP(observed, drawn);

  function information(codes: readonly Uint32Array[]): number | null {
    const states = codes.map((run) => statesOf(run, noise, rule));
    return orderInformation(countTransitions(states, stateCount));
  }
}

const WORD_OPERATIONS_PER_STEP = 20;
