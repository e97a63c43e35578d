import { namesOf, recordOf } from '../common/records.js';

/**
 * Descriptions of the numbers that the store keeps of a run's results. These parts of the program loop over
 * them: the tables and their checks, the code that computes the numbers, `show`, its JSON, the summary, the
 * null model, `doctor`, the content of a store and the table of docs/topology.md.
 */
export interface Statistic {
  /** The name of the number's column in SQL. */
  readonly column: string;
  /** The heading of the number in a table. */
  readonly title: string;
  readonly stored: 'integer' | 'real';
  readonly unit: 'bars' | 'nats' | 'distance' | 'points' | 'edges';
  /** The least possible value. Infinity is no value. */
  readonly least: number;
  /** Decimals that people see. */
  readonly decimals: number;
  readonly sentence: string;
  /**
   * The rule by which a row may have no number; null if every row has one. A row never has a 0 in place of an
   * unknown number.
   */
  readonly nullRule: string | null;
  /**
   * The reason why two stores with the same results may differ in this number, so that it is no part of their
   * content; null if it is a part.
   */
  readonly notContent: string | null;
}

/** A number that describes the bars of one homology dimension. */
export interface BarStatistic extends Statistic {
  /**
   * The diagrams for which the store keeps the number: a run's diagram also has its bars, a surrogate's
   * diagram has these numbers alone.
   */
  readonly keptOf: readonly ('diagram' | 'surrogate')[];
  /**
   * The name of the number in `show ID --json`, which has one line per dimension of a run; null if it is not
   * there.
   */
  readonly overviewName: string | null;
  /** The name of the number in `show ID RUN --json`; null if other values there say the same. */
  readonly documentName: string | null;
  /** Whether the table of `show ID RUN` shows the number. */
  readonly isInTable: boolean;
  /**
   * The heading under which the summary of an experiment shows the mean, least and greatest value over the
   * runs; null if the summary does not have the number.
   */
  readonly summaryTitle: string | null;
  /**
   * Words for a number by which a run is ranked among its surrogates: its plural, the name of rank 1, and the
   * reason why there is nothing to rank if it is 0. Null if no run is ranked by it. The store keeps a ranked
   * number of surrogates too.
   */
  readonly ranked: { readonly plural: string; readonly first: string; readonly nothing: string } | null;
}

export const BAR_STATISTICS = {
  barCount: {
    column: 'bar_count',
    title: 'bars',
    stored: 'integer',
    unit: 'bars',
    least: 0,
    decimals: 0,
    sentence: 'Number of bars.',
    nullRule: null,
    notContent: null,
    keptOf: ['diagram', 'surrogate'],
    overviewName: 'bars',
    documentName: null,
    isInTable: true,
    summaryTitle: null,
    ranked: null,
  },
  entropy: {
    column: 'entropy',
    title: 'entropy',
    stored: 'real',
    unit: 'nats',
    least: 0,
    decimals: 3,
    sentence:
      'Persistence entropy of the bars that die, natural logarithm, not normalised; 0 without such a bar.',
    nullRule: null,
    notContent: 'takes logarithms, whose last bit may differ between machines',
    keptOf: ['diagram', 'surrogate'],
    overviewName: 'entropy',
    documentName: 'entropy',
    isInTable: true,
    summaryTitle: 'Persistence entropy',
    ranked: null,
  },
  finiteBarCount: {
    column: 'finite_bar_count',
    title: 'finite bars',
    stored: 'integer',
    unit: 'bars',
    least: 0,
    decimals: 0,
    sentence: 'Number of bars that die; the others live for ever.',
    nullRule: null,
    notContent: null,
    keptOf: ['diagram'],
    overviewName: null,
    documentName: 'finiteBars',
    isInTable: false,
    summaryTitle: null,
    ranked: null,
  },
  longestBar: {
    column: 'longest_bar',
    title: 'longest bar',
    stored: 'real',
    unit: 'distance',
    least: 0,
    decimals: 3,
    sentence: 'Length of the longest bar that dies; 0 without such a bar.',
    nullRule: null,
    notContent: null,
    keptOf: ['surrogate'],
    overviewName: null,
    documentName: null,
    isInTable: false,
    summaryTitle: null,
    ranked: { plural: 'longest bars', first: 'longest', nothing: 'has no bar that dies' },
  },
  totalPersistence: {
    column: 'total_persistence',
    title: 'total persistence',
    stored: 'real',
    unit: 'distance',
    least: 0,
    decimals: 3,
    sentence: 'Sum of the lengths of the bars that die.',
    nullRule: null,
    notContent: null,
    keptOf: ['surrogate'],
    overviewName: null,
    documentName: null,
    isInTable: false,
    summaryTitle: null,
    ranked: null,
  },
} as const satisfies Readonly<Record<string, BarStatistic>>;

export type BarStatisticName = keyof typeof BAR_STATISTICS;

/** Names of the numbers that the store keeps of a diagram, or of a surrogate's diagram. */
export type KeptOf<Whose extends 'diagram' | 'surrogate'> = {
  [Name in BarStatisticName]: Whose extends (typeof BAR_STATISTICS)[Name]['keptOf'][number] ? Name : never;
}[BarStatisticName];

/** The numbers of a set of bars. Null is a number that these bars do not have, by its null rule. */
export type BarStatisticValues = {
  readonly [Name in BarStatisticName]: (typeof BAR_STATISTICS)[Name]['nullRule'] extends null
    ? number
    : number | null;
};

/** The numbers in the row of a diagram's dimension, or of a surrogate's. */
export type StoredStatistics<Whose extends 'diagram' | 'surrogate'> = Pick<BarStatisticValues, KeptOf<Whose>>;

/** For each number: the function that computes it from bars (birth, death, birth, death, ...). */
export type BarMeasures = {
  readonly [Name in BarStatisticName]: (bars: Float32Array) => BarStatisticValues[Name];
};

/** Names of the numbers that the summary of an experiment shows. */
export type SummarisedStatistic = {
  [Name in KeptOf<'diagram'>]: (typeof BAR_STATISTICS)[Name]['summaryTitle'] extends null ? never : Name;
}[KeptOf<'diagram'>];

/** Names of the numbers by which a run is ranked among its surrogates. */
export type RankedStatistic = {
  [Name in KeptOf<'surrogate'>]: (typeof BAR_STATISTICS)[Name]['ranked'] extends null ? never : Name;
}[KeptOf<'surrogate'>];

export const BAR_STATISTIC_NAMES = namesOf(BAR_STATISTICS);
export const DIAGRAM_STATISTICS = BAR_STATISTIC_NAMES.filter((name) => isKeptOf(name, 'diagram'));
export const SURROGATE_STATISTICS = BAR_STATISTIC_NAMES.filter((name) => isKeptOf(name, 'surrogate'));

export const SUMMARISED_STATISTICS = DIAGRAM_STATISTICS.filter((name) => isSummarised(name));

export const RANKED_STATISTICS = SURROGATE_STATISTICS.filter((name) => isRanked(name));

function isRanked(name: KeptOf<'surrogate'>): name is RankedStatistic {
  return describe(name).ranked !== null;
}

function isSummarised(name: KeptOf<'diagram'>): name is SummarisedStatistic {
  return describe(name).summaryTitle !== null;
}

function isKeptOf<Whose extends 'diagram' | 'surrogate'>(
  name: BarStatisticName,
  whose: Whose,
): name is KeptOf<Whose> {
  return describe(name).keptOf.includes(whose);
}

/** The description of a number. */
export function describe(name: BarStatisticName): BarStatistic {
  return BAR_STATISTICS[name];
}

/** Computes these numbers of the bars, by these measures. */
export function measured<Name extends BarStatisticName>(
  bars: Float32Array,
  measures: BarMeasures,
  names: readonly Name[],
): Pick<BarStatisticValues, Name>;
// The overload states what a loop does not: the descriptions say which numbers may be null.
export function measured(
  bars: Float32Array,
  measures: BarMeasures,
  names: readonly BarStatisticName[],
): object {
  return recordOf<BarStatisticName, number | null>(names, (name) => measures[name](bars));
}

/** Numbers of a diagram that a row may lack, by their null rules. */
export const NULLABLE_DIAGRAM_STATISTICS = DIAGRAM_STATISTICS.filter(
  (name) => describe(name).nullRule !== null,
);

/** The range of a number: from `least` to `most`, or on for ever where there is no limit. */
export type Range = Pick<Statistic, 'column' | 'least'> & { readonly most?: number };

/**
 * The most by which a real number of a run may be outside of its range: sums of rounded numbers may pass a limit in
 * their last bits.
 */
export const ROUNDING = 1e-9;

/** The fault of a number according to its description; null if it has none. */
export function rangeProblem({ column, least, most }: Range, value: number | null): string | null {
  const slack = most === undefined ? 0 : ROUNDING;
  const limit = most ?? Infinity;
  const isWithin = value !== null && value >= least - slack && value <= limit + slack;
  if (isWithin && Math.abs(value) !== Infinity) return null;
  const range = limit === Infinity ? `from ${least} on` : `from ${least} to ${limit}`;
  return `its ${column} is ${value}; it is a number ${range}`;
}

/** Numbers that describe a diagram as a whole. The kernel counts them while it makes the diagram. */
export const DIAGRAM_COUNTS = {
  pointCount: {
    column: 'point_count',
    title: 'points',
    stored: 'integer',
    unit: 'points',
    least: 1,
    decimals: 0,
    sentence: 'Embedded outputs of the run, repeats included.',
    nullRule: null,
    notContent: null,
    documentName: 'points',
  },
  distinctPointCount: {
    column: 'distinct_point_count',
    title: 'distinct points',
    stored: 'integer',
    unit: 'points',
    least: 1,
    decimals: 0,
    sentence: 'Distinct vectors of these outputs: the points of the diagram.',
    nullRule: null,
    notContent: null,
    documentName: 'distinctPoints',
  },
  edgeCount: {
    column: 'edge_count',
    title: 'edges',
    stored: 'integer',
    unit: 'edges',
    least: 0,
    decimals: 0,
    sentence: 'Edges of the filtration between distinct points.',
    nullRule: null,
    notContent: null,
    documentName: 'edges',
  },
} as const satisfies Readonly<Record<string, Statistic & { readonly documentName: string }>>;

export const DIAGRAM_COUNT_NAMES = namesOf(DIAGRAM_COUNTS);
export type DiagramCountName = keyof typeof DIAGRAM_COUNTS;
