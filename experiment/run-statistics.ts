import { namesOf } from '../common/records.js';
import { NO_RADIUS, RECURRENCE_STATISTICS } from './recurrence-statistics.js';
import { REAL, type RunStatistic, WHOLE } from './run-statistic.js';

const ONE_STEP = 'the run has one output';
const NO_PROMPT = 'the model embeds no text, or the prompt or an output has a vector of length 0';
const NO_OTHER_PROMPTS = `${NO_PROMPT}, or the experiment has one prompt`;
const ZERO_VECTOR = 'an output has a vector of length 0';
const NO_MEMORY = 'the run has fewer than 8 outputs, or all outputs are equal';

const drift = { ...REAL, group: 'drift', unit: 'distance', most: 2 } as const;

/**
 * Every number that the store keeps of a trajectory. These parts of the program loop over them: the table and
 * its checks, the code that computes the numbers, `show`, its JSON, CSV files, `doctor`, the content of a store
 * and the documents.
 */
export const RUN_STATISTICS = {
  pointCount: {
    ...WHOLE,
    group: 'counts',
    column: 'point_count',
    title: 'points',
    unit: 'points',
    least: 1,
    sentence: 'Embedded outputs of the run, repeats included: the number of steps n.',
    nullRule: null,
  },
  distinctPointCount: {
    ...WHOLE,
    group: 'counts',
    column: 'distinct_point_count',
    title: 'distinct points',
    unit: 'points',
    least: 1,
    sentence: 'Distinct vectors of these outputs.',
    nullRule: null,
  },
  distinctOutputCount: {
    ...WHOLE,
    group: 'counts',
    column: 'distinct_output_count',
    title: 'distinct outputs',
    unit: 'outputs',
    least: 1,
    sentence: 'Distinct outputs, V(n): two outputs are equal if their contents are.',
    nullRule: null,
  },
  pairsSkipped: {
    ...WHOLE,
    group: 'counts',
    column: 'pairs_skipped',
    title: 'pairs skipped',
    unit: 'none',
    most: 1,
    sentence:
      'Is 1 if the run has more than 20,000 points, so that not all pairs were compared; otherwise 0.',
    nullRule: null,
  },
  stepMean: {
    ...REAL,
    group: 'steps',
    column: 'step_mean',
    title: 'mean step',
    unit: 'distance',
    sentence: 'Mean distance between an output and the next one.',
    nullRule: ONE_STEP,
  },
  stepMedian: {
    ...REAL,
    group: 'steps',
    column: 'step_median',
    title: 'median step',
    unit: 'distance',
    sentence: 'Median distance between an output and the next one.',
    nullRule: ONE_STEP,
  },
  stepMax: {
    ...REAL,
    group: 'steps',
    column: 'step_max',
    title: 'longest step',
    unit: 'distance',
    sentence: 'Greatest distance between an output and the next one.',
    nullRule: ONE_STEP,
  },
  pathLength: {
    ...REAL,
    group: 'steps',
    column: 'path_length',
    title: 'path length',
    unit: 'distance',
    sentence: 'Sum of the distances between an output and the next one.',
    nullRule: ONE_STEP,
  },
  zeroSteps: {
    ...WHOLE,
    group: 'steps',
    column: 'zero_steps',
    title: 'steps at rest',
    unit: 'steps',
    sentence: 'Steps of length 0: an output has the same vector as the one before it.',
    nullRule: null,
  },
  netDisplacement: {
    ...REAL,
    group: 'steps',
    column: 'net_displacement',
    title: 'net displacement',
    unit: 'distance',
    sentence: 'Distance between the first and the last output.',
    nullRule: null,
  },
  straightness: {
    ...REAL,
    group: 'steps',
    column: 'straightness',
    title: 'straightness',
    unit: 'share',
    most: 1,
    sentence:
      'Net displacement divided by path length; a random walk has about 1/√n, so compare runs of one length only.',
    nullRule: 'the run has one output, or all outputs are equal',
  },
  radiusOfGyration: {
    ...REAL,
    group: 'steps',
    column: 'radius_of_gyration',
    title: 'radius of gyration',
    unit: 'distance',
    sentence: 'Root of the mean squared distance of the outputs from their mean.',
    nullRule: null,
  },
  totalVariance: {
    ...REAL,
    group: 'steps',
    column: 'total_variance',
    title: 'total variance',
    unit: 'squared distance',
    sentence:
      'Mean squared distance of the outputs from their mean; the same outputs in random order step √(2 · this) on average.',
    nullRule: null,
  },
  driftPromptEuclideanEnd: {
    ...drift,
    column: 'drift_prompt_euclidean_end',
    title: 'drift from prompt, end',
    sentence: 'Euclidean distance of the last output from the prompt, both scaled to length 1.',
    nullRule: NO_PROMPT,
  },
  driftPromptEuclideanLate: {
    ...drift,
    column: 'drift_prompt_euclidean_late',
    title: 'drift from prompt, late',
    sentence:
      'Mean Euclidean distance of the last quarter of the outputs from the prompt, all scaled to length 1.',
    nullRule: NO_PROMPT,
  },
  driftPromptCosineEnd: {
    ...drift,
    column: 'drift_prompt_cosine_end',
    title: 'cosine drift from prompt, end',
    sentence: 'Cosine distance of the last output from the prompt.',
    nullRule: NO_PROMPT,
  },
  driftPromptCosineLate: {
    ...drift,
    column: 'drift_prompt_cosine_late',
    title: 'cosine drift from prompt, late',
    sentence: 'Mean cosine distance of the last quarter of the outputs from the prompt.',
    nullRule: NO_PROMPT,
  },
  driftOtherPromptsEuclideanEnd: {
    ...drift,
    column: 'drift_other_prompts_euclidean_end',
    title: 'drift from other prompts, end',
    sentence:
      'Mean Euclidean distance of the last output from the other prompts of the experiment, all scaled to length 1.',
    nullRule: NO_OTHER_PROMPTS,
  },
  driftOtherPromptsEuclideanLate: {
    ...drift,
    column: 'drift_other_prompts_euclidean_late',
    title: 'drift from other prompts, late',
    sentence:
      'Mean Euclidean distance of the last quarter of the outputs from the other prompts of the experiment, all scaled to length 1.',
    nullRule: NO_OTHER_PROMPTS,
  },
  driftOtherPromptsCosineEnd: {
    ...drift,
    column: 'drift_other_prompts_cosine_end',
    title: 'cosine drift from other prompts, end',
    sentence: 'Mean cosine distance of the last output from the other prompts of the experiment.',
    nullRule: NO_OTHER_PROMPTS,
  },
  driftOtherPromptsCosineLate: {
    ...drift,
    column: 'drift_other_prompts_cosine_late',
    title: 'cosine drift from other prompts, late',
    sentence:
      'Mean cosine distance of the last quarter of the outputs from the other prompts of the experiment.',
    nullRule: NO_OTHER_PROMPTS,
  },
  driftFirstEuclideanEnd: {
    ...drift,
    column: 'drift_first_euclidean_end',
    title: 'drift from first output, end',
    sentence: 'Euclidean distance of the last output from the first one, both scaled to length 1.',
    nullRule: ZERO_VECTOR,
  },
  driftFirstEuclideanLate: {
    ...drift,
    column: 'drift_first_euclidean_late',
    title: 'drift from first output, late',
    sentence:
      'Mean Euclidean distance of the last quarter of the outputs from the first one, all scaled to length 1.',
    nullRule: ZERO_VECTOR,
  },
  driftFirstCosineEnd: {
    ...drift,
    column: 'drift_first_cosine_end',
    title: 'cosine drift from first output, end',
    sentence: 'Cosine distance of the last output from the first one.',
    nullRule: ZERO_VECTOR,
  },
  driftFirstCosineLate: {
    ...drift,
    column: 'drift_first_cosine_late',
    title: 'cosine drift from first output, late',
    sentence: 'Mean cosine distance of the last quarter of the outputs from the first one.',
    nullRule: ZERO_VECTOR,
  },
  msdExponent: {
    ...REAL,
    group: 'spread',
    column: 'msd_exponent',
    title: 'MSD exponent',
    unit: 'none',
    least: -Infinity,
    decimals: 2,
    sentence:
      'Slope of ln MSD over ln lag at short lags: 0 is bounded or periodic, 1 diffusion, 2 a straight line; long runs on a sphere have 0.',
    nullRule: 'the run has fewer than 12 outputs, or returns exactly at one of these lags',
  },
  msdRSquared: {
    ...REAL,
    group: 'spread',
    column: 'msd_r_squared',
    title: 'MSD r²',
    unit: 'share',
    most: 1,
    decimals: 2,
    sentence: 'Share of the variance of ln MSD that the line of the MSD exponent explains.',
    nullRule: 'there is no MSD exponent, or the MSD is the same at all of these lags',
  },
  decorrelationTime: {
    ...REAL,
    group: 'memory',
    column: 'decorrelation_time',
    title: 'decorrelation time',
    unit: 'steps',
    decimals: 1,
    sentence: 'Lag at which the autocorrelation first falls below 1/e, linear between lags.',
    nullRule: `${NO_MEMORY}, or the autocorrelation stays above 1/e at all lags`,
  },
  integratedTime: {
    ...REAL,
    group: 'memory',
    column: 'integrated_time',
    title: 'integrated time',
    unit: 'steps',
    least: -Infinity,
    decimals: 1,
    sentence: 'Integrated autocorrelation time, 1 + 2 Σ C, within the window of Sokal (1997).',
    nullRule: `${NO_MEMORY}, or the run is too short for the window`,
  },
  effectiveSampleSize: {
    ...REAL,
    group: 'memory',
    column: 'effective_sample_size',
    title: 'effective sample size',
    unit: 'steps',
    decimals: 1,
    sentence: 'The number of steps divided by the integrated time, or by 1 if that time is shorter.',
    nullRule: 'there is no integrated time',
  },
  ...RECURRENCE_STATISTICS,
  firstRepeatAt: {
    ...WHOLE,
    group: 'repeats',
    column: 'first_repeat_at',
    title: 'first repeat',
    unit: 'steps',
    least: 1,
    sentence: 'The step, counted from 0, of the first output that had come up before.',
    nullRule: 'no output repeats',
  },
  returnTimeMedian: {
    ...REAL,
    group: 'repeats',
    column: 'return_time_median',
    title: 'median return time',
    unit: 'steps',
    least: 1,
    decimals: 1,
    sentence: 'Median number of steps between an output and the same output before it.',
    nullRule: 'no output repeats',
  },
  heapsExponent: {
    ...REAL,
    group: 'repeats',
    column: 'heaps_exponent',
    title: 'Heaps exponent',
    unit: 'none',
    decimals: 2,
    sentence:
      'Slope of ln V(k) over ln k, where V(k) is the number of distinct outputs among the first k: 1 is ever new, 0 a closed vocabulary.',
    nullRule: 'the run has fewer than 16 outputs',
  },
  heapsRSquared: {
    ...REAL,
    group: 'repeats',
    column: 'heaps_r_squared',
    title: 'Heaps r²',
    unit: 'share',
    most: 1,
    decimals: 2,
    sentence: 'Share of the variance of ln V(k) that the line of the Heaps exponent explains.',
    nullRule: 'there is no Heaps exponent, or V(k) is the same at all of these k',
  },
  exactPeriod: {
    ...WHOLE,
    group: 'absorption',
    column: 'exact_period',
    title: 'exact period',
    unit: 'steps',
    least: 1,
    sentence: 'Steps of the shortest cycle of equal outputs in which the run ends; 1 is rest.',
    nullRule: 'the run does not end in three rounds, and ten steps, of a cycle',
  },
  exactlyAbsorbedAt: {
    ...WHOLE,
    group: 'absorption',
    column: 'exactly_absorbed_at',
    title: 'exactly absorbed at',
    unit: 'steps',
    sentence: 'The step, counted from 0, at which the exact cycle begins.',
    nullRule: 'there is no exact period',
  },
  nearPeriod: {
    ...WHOLE,
    group: 'absorption',
    column: 'near_period',
    title: 'near period',
    unit: 'steps',
    least: 1,
    sentence:
      'Steps of the shortest cycle in which the run ends, where each output is within the radius of its place in the last round; 1 is rest.',
    nullRule: `the run does not end in three rounds, and ten steps, of such a cycle, or ${NO_RADIUS}`,
  },
  absorbedAt: {
    ...WHOLE,
    group: 'absorption',
    column: 'absorbed_at',
    title: 'absorbed at',
    unit: 'steps',
    sentence: 'The step, counted from 0, at which the near cycle begins.',
    nullRule: 'there is no near period',
  },
  changesWhite: {
    ...WHOLE,
    group: 'changes',
    column: 'changes_white',
    title: 'changes, no memory',
    unit: 'changes',
    sentence:
      'Changes of the mean if the steps between two changes are independent of each other: an upper bound.',
    nullRule: 'the run has fewer than 10 outputs',
  },
  changesShortMemory: {
    ...WHOLE,
    group: 'changes',
    column: 'changes_short_memory',
    title: 'changes, short memory',
    unit: 'changes',
    sentence: 'Changes of the mean that a memory of a few steps does not explain.',
    nullRule: 'the run has fewer than 10 outputs',
  },
} as const satisfies Readonly<Record<string, RunStatistic>>;

export type RunStatisticName = keyof typeof RUN_STATISTICS;

export const RUN_STATISTIC_NAMES = namesOf(RUN_STATISTICS);

/** The numbers of a trajectory. Null is a number that this trajectory does not have, by its null rule. */
export type RunStatisticValues = {
  readonly [Name in RunStatisticName]: (typeof RUN_STATISTICS)[Name]['nullRule'] extends null
    ? number
    : number | null;
};

/** The description of a number. */
export function describeRunStatistic(name: RunStatisticName): RunStatistic {
  return RUN_STATISTICS[name];
}
