import { namesOf } from '../common/records.js';

/** A curve that the store keeps of a trajectory, as float32. */
export interface RunCurve {
  /** The name of the curve in the store. */
  readonly name: string;
  readonly title: string;
  readonly unit: 'distance' | 'squared distance' | 'none' | 'outputs' | 'steps';
  /** What the values are, and to which step or lag each belongs. */
  readonly sentence: string;
  /** The rule by which a run may lack the curve; null if every run has it. */
  readonly nullRule: string | null;
}

/** Every curve that the store keeps of a trajectory of n steps. */
export const RUN_CURVES = {
  driftPrompt: {
    name: 'drift_prompt',
    title: 'drift from the prompt',
    unit: 'distance',
    sentence:
      'Euclidean distance of each output from the prompt, both scaled to length 1; one value a step. Half the square is the cosine distance.',
    nullRule: 'the model embeds no text, or the prompt or an output has a vector of length 0',
  },
  driftOtherPrompts: {
    name: 'drift_other_prompts',
    title: 'drift from other prompts',
    unit: 'distance',
    sentence:
      'Mean Euclidean distance of each output from the other prompts of the experiment, all scaled to length 1; one value a step.',
    nullRule: 'there is no drift from the prompt, or the experiment has one prompt',
  },
  driftFirst: {
    name: 'drift_first',
    title: 'drift from the first output',
    unit: 'distance',
    sentence:
      'Euclidean distance of each output from the first one, both scaled to length 1; one value a step.',
    nullRule: 'an output has a vector of length 0',
  },
  meanSquaredDisplacement: {
    name: 'msd',
    title: 'mean squared displacement',
    unit: 'squared distance',
    sentence: 'Mean squared distance at the lags round(2^(i/2)), each once, up to n/4.',
    nullRule: 'the run has fewer than 8 outputs',
  },
  autocorrelation: {
    name: 'autocorrelation',
    title: 'autocorrelation',
    unit: 'none',
    sentence: 'Autocorrelation at the lags 0, 1, 2… up to n/4, or up to 1,000 for more than 20,000 outputs.',
    nullRule: 'the run has fewer than 8 outputs, or all outputs are equal',
  },
  distinctGrowth: {
    name: 'distinct_growth',
    title: 'distinct outputs',
    unit: 'outputs',
    sentence: 'Distinct outputs among the first k, for k = 1 to n.',
    nullRule: null,
  },
  changesWhite: {
    name: 'changes_white',
    title: 'changes, no memory',
    unit: 'steps',
    sentence:
      'Ends of the segments between changes of the mean if the steps between two changes are independent of each other; the last is n.',
    nullRule: 'the run has fewer than 10 outputs',
  },
  changesShortMemory: {
    name: 'changes_short_memory',
    title: 'changes, short memory',
    unit: 'steps',
    sentence:
      'Ends of the segments between changes of the mean that a memory of a few steps does not explain; the last is n.',
    nullRule: 'the run has fewer than 10 outputs',
  },
} as const satisfies Readonly<Record<string, RunCurve>>;

export type RunCurveName = keyof typeof RUN_CURVES;

export const RUN_CURVE_NAMES = namesOf(RUN_CURVES);

/** The curves of a trajectory. Null is a curve that this trajectory does not have, by its null rule. */
export type RunCurveValues = {
  readonly [Name in RunCurveName]: (typeof RUN_CURVES)[Name]['nullRule'] extends null
    ? Float64Array
    : Float64Array | null;
};

/** The description of a curve. */
export function describeRunCurve(name: RunCurveName): RunCurve {
  return RUN_CURVES[name];
}
