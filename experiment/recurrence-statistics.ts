import { REAL, type RunStatistic, WHOLE } from './run-statistic.js';

export const NO_RADIUS = 'the model has no radius';
const NO_FIXED_RADIUS = `the run has one output, or more than 20,000, or ${NO_RADIUS}`;
const NO_FIXED_RATE = 'the run has one output, or more than 20,000';
const NO_PAIR = 'no pair is recurrent';
const NO_DIAGONAL = 'no diagonal line has a length of at least 2';
const NO_VERTICAL = 'no vertical line has a length of at least 2';

/**
 * Numbers of the recurrence plot of a run (Marwan et al. 2007, Phys. Rep. 438:237). A pair of steps is recurrent
 * if its distance is at most the radius. The radius is fixed, or such that a twentieth of the pairs is recurrent.
 */
export const RECURRENCE_STATISTICS = {
  fixedRadiusEpsilon: {
    ...REAL,
    group: 'recurrence',
    column: 'fixed_radius_epsilon',
    title: 'radius, fixed radius',
    unit: 'distance',
    sentence: 'The radius of the fixed-radius recurrences.',
    nullRule: NO_FIXED_RADIUS,
  },
  fixedRadiusRr: {
    ...REAL,
    group: 'recurrence',
    column: 'fixed_radius_rr',
    title: 'RR, fixed radius',
    unit: 'share',
    most: 1,
    sentence:
      'Recurrence rate: share of the pairs of steps that are no farther apart than the radius, at the fixed radius.',
    nullRule: NO_FIXED_RADIUS,
  },
  fixedRadiusDet: {
    ...REAL,
    group: 'recurrence',
    column: 'fixed_radius_det',
    title: 'DET, fixed radius',
    unit: 'share',
    most: 1,
    sentence:
      'Determinism: share of the recurrent pairs that lie on diagonal lines of at least 2, which are parts of the run that it repeats in order, at the fixed radius.',
    nullRule: `${NO_FIXED_RADIUS}, or ${NO_PAIR}`,
  },
  fixedRadiusDiagonalMean: {
    ...REAL,
    group: 'recurrence',
    column: 'fixed_radius_diagonal_mean',
    title: 'mean diagonal, fixed radius',
    unit: 'steps',
    least: 2,
    decimals: 1,
    sentence: 'Mean length of the diagonal lines of at least 2, at the fixed radius.',
    nullRule: `${NO_FIXED_RADIUS}, or ${NO_DIAGONAL}`,
  },
  fixedRadiusDiagonalMax: {
    ...WHOLE,
    group: 'recurrence',
    column: 'fixed_radius_diagonal_max',
    title: 'longest diagonal, fixed radius',
    unit: 'steps',
    sentence: 'Length of the longest diagonal line; 0 without a recurrent pair, at the fixed radius.',
    nullRule: NO_FIXED_RADIUS,
  },
  fixedRadiusDiagonalEntropy: {
    ...REAL,
    group: 'recurrence',
    column: 'fixed_radius_diagonal_entropy',
    title: 'diagonal entropy, fixed radius',
    unit: 'nats',
    sentence: 'Shannon entropy of the lengths of the diagonal lines of at least 2, at the fixed radius.',
    nullRule: `${NO_FIXED_RADIUS}, or ${NO_DIAGONAL}`,
  },
  fixedRadiusLam: {
    ...REAL,
    group: 'recurrence',
    column: 'fixed_radius_lam',
    title: 'LAM, fixed radius',
    unit: 'share',
    most: 1,
    sentence:
      'Laminarity: share of the recurrent points, those of the main diagonal included, that lie on vertical lines of at least 2, at the fixed radius.',
    nullRule: NO_FIXED_RADIUS,
  },
  fixedRadiusTrappingTime: {
    ...REAL,
    group: 'recurrence',
    column: 'fixed_radius_trapping_time',
    title: 'trapping time, fixed radius',
    unit: 'steps',
    least: 2,
    decimals: 1,
    sentence: 'Mean length of the vertical lines of at least 2, at the fixed radius.',
    nullRule: `${NO_FIXED_RADIUS}, or ${NO_VERTICAL}`,
  },
  fixedRadiusVerticalMax: {
    ...WHOLE,
    group: 'recurrence',
    column: 'fixed_radius_vertical_max',
    title: 'longest vertical, fixed radius',
    unit: 'steps',
    least: 1,
    sentence: 'Length of the longest vertical line, at the fixed radius.',
    nullRule: NO_FIXED_RADIUS,
  },
  fixedRateEpsilon: {
    ...REAL,
    group: 'recurrence',
    column: 'fixed_rate_epsilon',
    title: 'radius, fixed rate',
    unit: 'distance',
    sentence: 'The least radius with which at least a twentieth of the pairs of steps is recurrent.',
    nullRule: NO_FIXED_RATE,
  },
  fixedRateRr: {
    ...REAL,
    group: 'recurrence',
    column: 'fixed_rate_rr',
    title: 'RR, fixed rate',
    unit: 'share',
    most: 1,
    sentence:
      'Recurrence rate: share of the pairs of steps that are no farther apart than the radius, at the fixed rate.',
    nullRule: NO_FIXED_RATE,
  },
  fixedRateDet: {
    ...REAL,
    group: 'recurrence',
    column: 'fixed_rate_det',
    title: 'DET, fixed rate',
    unit: 'share',
    most: 1,
    sentence:
      'Determinism: share of the recurrent pairs that lie on diagonal lines of at least 2, which are parts of the run that it repeats in order, at the fixed rate.',
    nullRule: `${NO_FIXED_RATE}, or ${NO_PAIR}`,
  },
  fixedRateDiagonalMean: {
    ...REAL,
    group: 'recurrence',
    column: 'fixed_rate_diagonal_mean',
    title: 'mean diagonal, fixed rate',
    unit: 'steps',
    least: 2,
    decimals: 1,
    sentence: 'Mean length of the diagonal lines of at least 2, at the fixed rate.',
    nullRule: `${NO_FIXED_RATE}, or ${NO_DIAGONAL}`,
  },
  fixedRateDiagonalMax: {
    ...WHOLE,
    group: 'recurrence',
    column: 'fixed_rate_diagonal_max',
    title: 'longest diagonal, fixed rate',
    unit: 'steps',
    sentence: 'Length of the longest diagonal line; 0 without a recurrent pair, at the fixed rate.',
    nullRule: NO_FIXED_RATE,
  },
  fixedRateDiagonalEntropy: {
    ...REAL,
    group: 'recurrence',
    column: 'fixed_rate_diagonal_entropy',
    title: 'diagonal entropy, fixed rate',
    unit: 'nats',
    sentence: 'Shannon entropy of the lengths of the diagonal lines of at least 2, at the fixed rate.',
    nullRule: `${NO_FIXED_RATE}, or ${NO_DIAGONAL}`,
  },
  fixedRateLam: {
    ...REAL,
    group: 'recurrence',
    column: 'fixed_rate_lam',
    title: 'LAM, fixed rate',
    unit: 'share',
    most: 1,
    sentence:
      'Laminarity: share of the recurrent points, those of the main diagonal included, that lie on vertical lines of at least 2, at the fixed rate.',
    nullRule: NO_FIXED_RATE,
  },
  fixedRateTrappingTime: {
    ...REAL,
    group: 'recurrence',
    column: 'fixed_rate_trapping_time',
    title: 'trapping time, fixed rate',
    unit: 'steps',
    least: 2,
    decimals: 1,
    sentence: 'Mean length of the vertical lines of at least 2, at the fixed rate.',
    nullRule: `${NO_FIXED_RATE}, or ${NO_VERTICAL}`,
  },
  fixedRateVerticalMax: {
    ...WHOLE,
    group: 'recurrence',
    column: 'fixed_rate_vertical_max',
    title: 'longest vertical, fixed rate',
    unit: 'steps',
    least: 1,
    sentence: 'Length of the longest vertical line, at the fixed rate.',
    nullRule: NO_FIXED_RATE,
  },
} as const satisfies Readonly<Record<string, RunStatistic>>;
