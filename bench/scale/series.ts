import { CommandError } from '../common/command.js';

/** Experiments that start at the same time and share the workers. */
export interface ScaleShape {
  /** `1000x20`, or `500x20+1x10000` for two experiments. */
  readonly name: string;
  readonly experiments: readonly { readonly runs: number; readonly steps: number }[];
  /** Of all experiments together. */
  readonly invocations: number;
}

/** Shapes that are measured in the same way, for comparison. */
export interface Series {
  readonly name: string;
  readonly title: string;
  readonly shapes: readonly ScaleShape[];
  /** Whether outputs are embedded, and every run gets its diagram of dimension 0. */
  readonly embedded: boolean;
  /** Whether every hundredth run fails, and is retried when the others are done. */
  readonly poisoned: boolean;
  /** Number of SIGKILLs to workers. Afterwards the rest of the experiments is cancelled. */
  readonly kills: number;
  /** Whether every invariant is checked at the end, and the check measured. */
  readonly checked: boolean;
}

const PLAIN = { embedded: true, poisoned: false, kills: 0, checked: true } as const;
export const SERIES_NAMES = ['runs', 'poisoned', 'steps', 'mixed', 'kills'] as const;

export type SeriesName = (typeof SERIES_NAMES)[number];

/** The content of the page `bench/scale.md`. */
export const SERIES: Readonly<Record<SeriesName, Series>> = {
  runs: {
    ...PLAIN,
    name: 'runs',
    title: 'Wide: from 10 to 5,000 runs of 20 steps',
    shapes: ['10x20', '100x20', '1000x20', '5000x20'].map(shapeOf),
  },
  poisoned: {
    ...PLAIN,
    name: 'poisoned',
    title: 'Wide, and every hundredth run fails',
    shapes: ['5000x20'].map(shapeOf),
    poisoned: true,
  },
  steps: {
    ...PLAIN,
    name: 'steps',
    title: 'Long: one run of 100 to 100,000 steps',
    shapes: ['1x100', '1x1000', '1x10000', '1x100000'].map(shapeOf),
  },
  mixed: {
    ...PLAIN,
    name: 'mixed',
    title: 'Mixed: three experiments at the same time',
    shapes: ['500x20+20x500+1x10000', '1000x20+1000x20+1000x20'].map(shapeOf),
  },
  kills: {
    ...PLAIN,
    name: 'kills',
    title: 'Workers killed again and again',
    // More steps than can be made in the time.
    shapes: ['16x1000000'].map(shapeOf),
    embedded: false,
    kills: 20,
  },
};

/** Throws a CommandError if the name is no shape. */
export function shapeOf(name: string): ScaleShape {
  const experiments = name.split('+').map((part) => {
    const [, runs, steps] = /^([1-9]\d*)x([1-9]\d*)$/.exec(part) ?? [];
    if (runs !== undefined) return { runs: Number(runs), steps: Number(steps) };
    throw new CommandError(
      `--shape is "${name}"; it can be RUNSxSTEPS, as in 5000x20, or several that run at the same time, as in 500x20+1x10000`,
    );
  });
  const invocations = experiments.reduce((sum, { runs, steps }) => sum + runs * steps, 0);
  return { name, experiments, invocations };
}
