import { AnalysisInputError } from '../errors.js';
import { MAX_ROWS } from './weighted-points.js';

/** The outputs of some runs under one embedding model. */
export interface Corpus {
  /** Distinct vectors, row-major: rows × dimension. */
  readonly vectors: Float32Array;
  readonly dimension: number;
  /** The row of each output up to the horizon, by run, in order of experiment, run and sequence. */
  readonly runs: readonly Uint32Array[];
}

/** How often each row came up, and when first: the number of outputs before it, over all runs. */
export interface Occurrences {
  /** By row; 0 of a row that never came up. */
  readonly weights: Uint32Array;
  readonly firstAppearance: Uint32Array;
}

export function occurrencesIn(runs: readonly Uint32Array[], rows: number): Occurrences {
  const weights = new Uint32Array(rows);
  const firstAppearance = new Uint32Array(rows);
  let outputs = 0;
  for (const run of runs) {
    for (const row of run) {
      if (weights[row] === 0) firstAppearance[row] = outputs;
      weights[row]!++;
      outputs++;
    }
  }
  return { weights, firstAppearance };
}

/**
 * Number of rows.
 *
 * Throws AnalysisInputError, which names the place, if there is no vector or there are too many, they are ragged, a run
 * has a row that is not there, or no run has a row.
 */
export function checkCorpus({ vectors, dimension, runs }: Corpus): number {
  if (!Number.isInteger(dimension) || dimension < 1) {
    throw new AnalysisInputError(
      `dimension is ${dimension}; a vector needs a whole number of coordinates, at least 1`,
    );
  }
  const rows = vectors.length / dimension;
  if (rows === 0) throw new AnalysisInputError('vectors is empty; at least one is needed');
  if (!Number.isInteger(rows)) {
    throw new AnalysisInputError(
      `vectors has ${vectors.length} numbers, which is not a whole number of rows of dimension ${dimension}`,
    );
  }
  if (rows > MAX_ROWS)
    throw new AnalysisInputError(`${rows} vectors are too many; at most ${MAX_ROWS} are supported`);
  runs.forEach((run, index) => {
    const place = run.findIndex((row) => row >= rows);
    if (place >= 0) {
      throw new AnalysisInputError(
        `runs[${index}][${place}] is ${run[place]}; vectors has ${rows} rows, numbered from 0`,
      );
    }
  });
  const absent = occurrencesIn(runs, rows).weights.indexOf(0);
  if (absent >= 0) {
    throw new AnalysisInputError(`no run has row ${absent} of vectors; leave vectors out that never came up`);
  }
  return rows;
}
