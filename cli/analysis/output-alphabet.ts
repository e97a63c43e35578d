import type { ExperimentReader } from '../../db/index.js';
import { PanicError } from '../../common/errors.js';
import type { Cell } from './csv.js';
import type { NetworkSequences } from './symbol-sequences.js';

/** Exact outputs as symbols: symbol 0 is the one with the most steps; of equal ones the first that appears. */
export interface OutputAlphabet {
  /** The symbol of an output, by the id of the output. */
  readonly symbolOf: ReadonlyMap<number, number>;
  /** The steps of each symbol, all networks together. */
  readonly steps: Uint32Array;
}

export function alphabetOf(networks: readonly NetworkSequences[]): OutputAlphabet {
  const stepsOf = new Map<number, number>();
  for (const { runs } of networks) {
    for (const { outputs } of runs)
      for (const output of outputs) stepsOf.set(output, (stepsOf.get(output) ?? 0) + 1);
  }
  // The sort is stable, and the map keeps the order of first appearance.
  const heaviest = [...stepsOf].sort((a, b) => b[1] - a[1]);
  return {
    symbolOf: new Map(heaviest.map(([output], symbol) => [output, symbol])),
    steps: Uint32Array.from(heaviest, ([, steps]) => steps),
  };
}

/** What a symbol stands for. */
export interface SymbolName {
  readonly symbol: number;
  readonly modality: string;
  readonly sha256: string;
  /** Null for a picture. */
  readonly text: string | null;
}

const OF_ARTIFACT = ['id', 'modality', 'sha256', 'text'] as const;

/** What the symbols stand for, each once, in no order: as the rows of the experiments come. */
export async function* symbolNames(
  reader: ExperimentReader,
  experiments: readonly string[],
  { symbolOf }: OutputAlphabet,
  isWanted: (symbol: number) => boolean,
): AsyncGenerator<SymbolName, void, undefined> {
  const named = new Set<number>();
  for (const experiment of experiments) {
    for await (const { id, modality, sha256, text } of reader.artifactsOf(experiment, OF_ARTIFACT)) {
      const symbol = symbolOf.get(id);
      if (symbol === undefined || named.has(symbol) || !isWanted(symbol)) continue;
      named.add(symbol);
      yield { symbol, modality, sha256: sha256.toString('hex'), text };
    }
  }
}

/** The rows of the table of symbols. */
export async function* symbolRows(
  reader: ExperimentReader,
  experiments: readonly string[],
  alphabet: OutputAlphabet,
): AsyncGenerator<readonly Cell[]> {
  for await (const { symbol, ...name } of symbolNames(reader, experiments, alphabet, () => true)) {
    yield [symbol, alphabet.steps[symbol]!, name.modality, name.sha256, name.text];
  }
}

/** The most memory that the steps of runs take: their outputs, their symbols, and the counts of transitions. */
export function symbolBytes(steps: number): number {
  return steps * BYTES_PER_STEP;
}

/** Several arrays of four bytes, and an entry of a map if each output is another one. */
const BYTES_PER_STEP = 160;

/** @throws PanicError `InvalidInput` with the figure and the remedy. */
export function refuseManySteps(steps: number, limit: number, bytes: (value: number) => string): void {
  const needed = symbolBytes(steps);
  if (needed <= limit) return;
  throw new PanicError(
    'InvalidInput',
    `the steps of these runs need up to ${bytes(needed)} of memory, and an analysis may take ${bytes(limit)}, half of what this machine has; ` +
      'take a lower --horizon, or fewer experiments',
  );
}
