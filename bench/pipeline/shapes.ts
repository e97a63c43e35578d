/** An experiment for measurements: the number of runs, their steps, their models. */
export interface Shape {
  readonly runs: number;
  readonly length: number;
  readonly network: readonly string[];
  readonly seed: number;
  /** Of the diagrams. */
  readonly maxDimension: 0 | 1 | 2;
}

const TRIVIAL = ['DummyT2I', 'DummyI2T'];
const PROCEDURAL = ['ProceduralPainter', 'ProceduralDescriber'];

export const SHAPES = {
  'trivial-10k': { runs: 1, length: 10_000, network: TRIVIAL, seed: -1, maxDimension: 0 },
  'trivial-10k-fixed': { runs: 1, length: 10_000, network: TRIVIAL, seed: 1, maxDimension: 0 },
  'procedural-10k': { runs: 1, length: 10_000, network: PROCEDURAL, seed: -1, maxDimension: 0 },
  'procedural-10k-fixed': { runs: 1, length: 10_000, network: PROCEDURAL, seed: 1, maxDimension: 0 },
  'trivial-50x100': { runs: 50, length: 100, network: TRIVIAL, seed: -1, maxDimension: 0 },
  'trivial-200x20': { runs: 200, length: 20, network: TRIVIAL, seed: -1, maxDimension: 0 },
  'trivial-200x50': { runs: 200, length: 50, network: TRIVIAL, seed: -1, maxDimension: 0 },
  'procedural-200x50': { runs: 200, length: 50, network: PROCEDURAL, seed: -1, maxDimension: 2 },
  'slow-1x200': { runs: 1, length: 200, network: ['SlowT2I', 'SlowI2T'], seed: -1, maxDimension: 0 },
} as const satisfies Readonly<Record<string, Shape>>;

/** The part of an experiment file that this program and the Python system share. */
export function experimentOf({ runs, length, network, seed }: Shape, embeddingModel: string) {
  return {
    networks: [network],
    prompts: Array.from({ length: runs }, (_, number) => `a picture of thing number ${number}`),
    seeds: [seed],
    embedding_models: [embeddingModel],
    max_length: length,
  };
}
