import { Pacer, type Work } from '../../tda/pacer.js';
import { DRAWS } from '../inference/chance.js';
import { AnalysisInputError } from '../errors.js';
import { networkSymbols } from './network-symbols.js';
import { isNoiseRule, type NoiseRule } from './noise.js';
import type { SymbolRun } from './symbol-runs.js';
import type { NetworkSymbols, RunSymbols, SymbolStatistics } from './symbol-statistics.js';

export interface SymbolOptions {
  /** What becomes of noise steps. Default: milestone. */
  readonly noise?: NoiseRule;
  /** Draws for the p-value against `order_0`; 0: no p-value. Default 999. */
  readonly draws?: number;
  /** Aborting rejects with the signal's reason, within about 50 ms. */
  readonly signal?: AbortSignal;
}

/**
 * What the symbols of runs say of their dynamics: dwell times, transitions, and a Markov chain for each network. A
 * symbol is the number of a cluster, or of an exact output; null or -1 is noise. Everything is counted within runs,
 * and networks are never mixed. Linear in the steps, except for p-values (linear for each draw) and for closed classes
 * of hundreds of states (cubic in the states).
 *
 * Lets the event loop run about every 50 ms. The input must not change meanwhile. Equal input gives equal output.
 *
 * Rejects with AnalysisInputError for a symbol, a noise rule or a number of draws that is none, or with the signal's
 * reason.
 *
 * Source: Kemeny & Snell 1960, Finite Markov Chains. Each statistic names its own.
 */
export async function symbols(
  runs: readonly SymbolRun[],
  { noise = 'milestone', draws = DRAWS, signal }: SymbolOptions = {},
): Promise<SymbolStatistics> {
  if (!isNoiseRule(noise)) {
    throw new AnalysisInputError(`noise is "${String(noise)}"; expected milestone, keep or drop`);
  }
  if (!Number.isSafeInteger(draws) || draws < 0) {
    throw new AnalysisInputError(`draws is ${draws}; expected a whole number, 0 or more`);
  }
  return new Pacer(signal).finish(symbolWork(runs, noise, draws));
}

function* symbolWork(runs: readonly SymbolRun[], noise: NoiseRule, draws: number): Work<SymbolStatistics> {
  const placesOf = new Map<string, number[]>();
  for (const [place, { network }] of runs.entries()) {
    const places = placesOf.get(network);
    if (places === undefined) placesOf.set(network, [place]);
    else places.push(place);
  }
  const ofAllRuns: RunSymbols[] = [];
  const networks: NetworkSymbols[] = [];
  for (const [network, places] of placesOf) {
    const members = places.map((place) => runs[place]!);
    const { ofNetwork, ofRuns } = yield* networkSymbols(network, members, noise, draws);
    networks.push(ofNetwork);
    for (const [at, place] of places.entries()) ofAllRuns[place] = ofRuns[at]!;
  }
  return { noise, draws, runs: ofAllRuns, networks };
}
