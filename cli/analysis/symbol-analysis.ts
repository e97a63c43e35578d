import { symbols, type SymbolStatistics } from '../../analysis/index.js';
import { openReader } from '../../db/index.js';
import type { Store } from '../../db/index.js';
import type { Modality } from '../../experiment/artifact.js';
import { Pacer } from '../../tda/pacer.js';
import type { LeftOut } from './chosen-runs.js';
import type { NetworkRuns } from './network-runs.js';
import { alphabetOf, type OutputAlphabet, type SymbolName, symbolNames } from './output-alphabet.js';
import { loadSequences, type NetworkSequences } from './symbol-sequences.js';
import type { FamilyTest } from './test-family.js';
import type { WorkProgress } from './work-progress.js';

export interface AnalysedSymbols {
  readonly networks: readonly NetworkSequences[];
  readonly alphabet: OutputAlphabet;
  /** The names of the symbols with the most steps. */
  readonly heaviest: readonly SymbolName[];
  readonly statistics: SymbolStatistics;
}

const MOST_NAMED = 5;

/** What the exact outputs of runs say of their dynamics, network by network. Null if no run has such outputs. */
export async function analyseOutputs(
  store: Store,
  networks: readonly NetworkRuns[],
  {
    modality,
    horizon,
    signal,
    progress,
  }: { modality: Modality | null; horizon: number; signal: AbortSignal; progress: WorkProgress },
  leftOut: LeftOut[],
): Promise<AnalysedSymbols | null> {
  progress.next();
  const reader = await openReader(store.db);
  let loaded: NetworkSequences[];
  let alphabet: OutputAlphabet;
  const heaviest: SymbolName[] = [];
  try {
    const pacer = new Pacer(signal);
    const found: (NetworkSequences | null)[] = [];
    for (const network of networks) {
      found.push(await loadSequences(reader, network, modality, horizon, pacer, leftOut));
    }
    loaded = found.filter((network) => network !== null);
    if (loaded.length === 0) return null;
    alphabet = alphabetOf(loaded);
    const names = symbolNames(reader, experimentsOf(loaded), alphabet, (symbol) => symbol < MOST_NAMED);
    for await (const name of names) heaviest.push(name);
  } finally {
    await reader.close();
  }
  progress.next();
  const { symbolOf } = alphabet;
  const statistics = await symbols(
    loaded.flatMap(({ network, runs }) =>
      runs.map(({ run, outputs, inCycle }) => ({
        run: `${run.experiment}/${run.index}`,
        network,
        symbols: outputs.map((output) => symbolOf.get(output)!),
        inCycle,
      })),
    ),
    { signal },
  );
  return { networks: loaded, alphabet, heaviest: heaviest.sort((a, b) => a.symbol - b.symbol), statistics };
}

export function experimentsOf(networks: readonly NetworkSequences[]): string[] {
  return [...new Set(networks.flatMap(({ runs }) => runs.map(({ run }) => run.experiment)))];
}

/** The tests of the order of symbols, one for each network. */
export function orderTests({ networks, draws }: SymbolStatistics): FamilyTest[] {
  return networks.map(({ network, entropy }) => {
    const p = entropy?.informationP ?? null;
    return {
      model: null,
      network,
      statistic: 'information',
      compares: 'the order of symbols with random order within runs',
      value: entropy?.information ?? null,
      test:
        p === null
          ? null
          : {
              p,
              floor: 1 / (draws + 1),
              isExact: false,
              compared: draws,
              relabellings: null,
              arrangements: null,
            },
      reason: p === null ? 'no run has two steps, so there is no transition' : null,
    };
  });
}
