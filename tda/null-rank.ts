import { TdaInputError } from './errors.js';

export interface NullRank {
  /** 1 + the number of surrogates whose value is at least the observed one. 1 is the greatest of k + 1. */
  readonly rank: number;
  /** `rank` / (k + 1): the one-sided p-value, from 1 / (k + 1) to 1. */
  readonly p: number;
}

/**
 * Rank of an observed statistic among those of k surrogates: p = (1 + number of surrogates with a value >=
 * the observed) / (k + 1). Ties count against the observation. The observation counts as one of its own null
 * model, so p is never 0 (North, Curtis & Sham 2002, Am. J. Hum. Genet. 71:439; Phipson & Smyth 2010, Stat.
 * Appl. Genet. Mol. Biol. 9:39).
 *
 * Throws TdaInputError without a surrogate, and for a value that is NaN.
 */
export function nullRank(value: number, surrogateValues: readonly number[]): NullRank {
  if (surrogateValues.length === 0) {
    throw new TdaInputError('surrogateValues is empty; at least one surrogate is needed');
  }
  const nan = [value, ...surrogateValues].findIndex(Number.isNaN);
  if (nan >= 0) {
    const name = nan === 0 ? 'value' : `surrogateValues[${nan - 1}]`;
    throw new TdaInputError(`${name} is NaN; expected a number`);
  }
  const rank = 1 + surrogateValues.filter((other) => other >= value).length;
  return { rank, p: rank / (surrogateValues.length + 1) };
}
