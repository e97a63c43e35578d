import { parseArgs } from 'node:util';
import { CommandError } from '../command.js';

export interface ScaleShape {
  readonly runs: number;
  readonly steps: number;
}

export interface ScaleOptions {
  readonly shapes: readonly ScaleShape[];
  /** Experiments of the shape that are started at the same time and share the workers. */
  readonly experiments: number;
  readonly concurrency: number;
  /** Every hundredth run fails, and is retried when the others are done. */
  readonly poisoned: boolean;
  /** Outputs are embedded, and every run gets its diagram of dimension 0. */
  readonly embedded: boolean;
  /** SIGKILLs of workers in the course of a shape, evenly over `killSeconds` each. */
  readonly kills: number;
  readonly killSeconds: number;
  /** Check every invariant at the end, and measure that too. */
  readonly checked: boolean;
  /** Where the figures are written; nothing else is kept. */
  readonly out: string;
}

export const USAGE = `usage: node dist/bench/scale.js [options], after npm run build

  --shape RUNSxSTEPS   may be repeated; default: from 10x20 to 5000x20, and from 1x100 to 1x100000
  --experiments N      so many of each shape at the same time, on the same workers (default 1)
  --concurrency N      runs under way at once, of each experiment (default 64)
  --poisoned           one run in a hundred fails; the others end, and "retry" runs those again
  --trajectories-only  no embeddings and no diagrams
  --kills N            SIGKILL a worker N times: the gpu worker, then all of them, and so on
  --kill-seconds N     between two of them (default 15)
  --check              run "doctor" at the end
  --out FOLDER         for scale.json and a figure of the memory for each shape (default bench-scale)
`;

const DEFAULT_SHAPES = [
  ...[10, 100, 1000, 5000].map((runs) => ({ runs, steps: 20 })),
  ...[100, 1000, 10_000, 100_000].map((steps) => ({ runs: 1, steps })),
];

/** Throws a CommandError for what it cannot read. */
export function readOptions(args: readonly string[]): ScaleOptions {
  const { values } = parsed(args);
  return {
    shapes: values.shape?.map(shapeOf) ?? DEFAULT_SHAPES,
    experiments: wholeNumber('experiments', values.experiments, 1),
    concurrency: wholeNumber('concurrency', values.concurrency, 1),
    poisoned: values.poisoned,
    embedded: !values['trajectories-only'],
    kills: wholeNumber('kills', values.kills, 0),
    killSeconds: wholeNumber('kill-seconds', values['kill-seconds'], 1),
    checked: values.check,
    out: values.out,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        shape: { type: 'string', multiple: true },
        experiments: { type: 'string', default: '1' },
        concurrency: { type: 'string', default: '64' },
        poisoned: { type: 'boolean', default: false },
        'trajectories-only': { type: 'boolean', default: false },
        kills: { type: 'string', default: '0' },
        'kill-seconds': { type: 'string', default: '15' },
        check: { type: 'boolean', default: false },
        out: { type: 'string', default: 'bench-scale' },
      },
    });
  } catch (error) {
    throw new CommandError(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
}

function shapeOf(text: string): ScaleShape {
  const [, runs, steps] = /^([1-9]\d*)x([1-9]\d*)$/.exec(text) ?? [];
  if (runs === undefined) throw new CommandError(`--shape is "${text}"; it can be RUNSxSTEPS, as in 5000x20`);
  return { runs: Number(runs), steps: Number(steps) };
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new CommandError(`--${name} is "${text}"; it can be a whole number from ${least}`);
}
