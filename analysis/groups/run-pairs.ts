import { assertNever } from '../../common/errors.js';

/** What a run was made of. */
export interface RunLabels {
  readonly network: string;
  readonly prompt: string;
  /** -1: the run drew its seeds, so no other run has the same. */
  readonly seed: number;
}

/** Pairs of runs, as indices of one list of runs: the pairs are first[k], second[k], with first[k] < second[k]. */
export interface RunPairs {
  readonly first: Uint32Array;
  readonly second: Uint32Array;
}

/**
 * Which pairs of runs to compare. All are of one network.
 * - `identical`: one prompt, other seeds: chance alone tells such runs apart.
 * - `same_seed`: other prompts, one fixed seed.
 * - `paraphrase`: other prompts of one group of `groupOf` (prompt → group), whatever the seeds.
 * - `distant`: prompts of two groups of `groupOf`, whatever the seeds.
 *
 * A prompt that `groupOf` lacks is in no pair of the last two kinds.
 */
export type PairKind =
  | { readonly kind: 'identical' }
  | { readonly kind: 'same_seed' }
  | { readonly kind: 'paraphrase' | 'distant'; readonly groupOf: ReadonlyMap<string, string> };

/** The pairs of a kind, in the order of the runs; perhaps none. */
export function runPairs(runs: readonly RunLabels[], kind: PairKind): RunPairs {
  const first: number[] = [];
  const second: number[] = [];
  runs.forEach((run, later) => {
    for (let earlier = 0; earlier < later; earlier++) {
      const other = runs[earlier]!;
      if (run.network === other.network && isPair(run, other, kind)) {
        first.push(earlier);
        second.push(later);
      }
    }
  });
  return { first: Uint32Array.from(first), second: Uint32Array.from(second) };
}

function isPair(a: RunLabels, b: RunLabels, kind: PairKind): boolean {
  const haveOneSeed = a.seed === b.seed && a.seed !== -1;
  switch (kind.kind) {
    case 'identical':
      return a.prompt === b.prompt && !haveOneSeed;
    case 'same_seed':
      return a.prompt !== b.prompt && haveOneSeed;
    case 'paraphrase':
    case 'distant': {
      const groupA = kind.groupOf.get(a.prompt);
      const groupB = kind.groupOf.get(b.prompt);
      if (groupA === undefined || groupB === undefined) return false;
      return kind.kind === 'paraphrase' ? a.prompt !== b.prompt && groupA === groupB : groupA !== groupB;
    }
    default:
      return assertNever(kind);
  }
}
