import { PanicError } from '../../common/errors.js';
import { ANALYSES, type Analysis } from '../program/analyses.js';
import type { ChosenRun } from './chosen-runs.js';

/**
 * Splits the words of `analyse ID… WHAT`.
 *
 * @throws PanicError `InvalidInput` without an id, or without an analysis that exists.
 */
export function splitWords(words: readonly string[]): {
  readonly ids: readonly string[];
  readonly what: Analysis;
} {
  const last = words.at(-1) ?? '';
  const what = ANALYSES.find((name) => name === last);
  if (what === undefined) {
    throw new PanicError(
      'InvalidInput',
      `analyse: say what to analyse after the ids: ${ANALYSES.join(' or ')}`,
    );
  }
  const ids = words.slice(0, -1);
  if (ids.length === 0)
    throw new PanicError('InvalidInput', `analyse ${what}: an id of an experiment is missing`);
  return { ids, what };
}

export interface AnalysisOptions {
  readonly ids: readonly string[];
  readonly model: string | undefined;
  /** In invocations. */
  readonly horizon: number | undefined;
  readonly csv: string | undefined;
}

export interface RunsOptions extends AnalysisOptions {
  readonly groups: string | undefined;
}

/** The horizon in invocations: that of the user, or the greatest length that an experiment allows its runs. */
export function horizonOf(
  { horizon }: Pick<AnalysisOptions, 'horizon'>,
  experiments: readonly { readonly config: { readonly max_length: number } }[],
): number {
  return horizon ?? Math.max(...experiments.map(({ config }) => config.max_length));
}

/** The text of a run for people. */
export function runText({ index, experiment }: Pick<ChosenRun, 'index' | 'experiment'>): string {
  return `run ${index} of experiment ${experiment}`;
}
