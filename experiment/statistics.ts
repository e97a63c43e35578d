import { namesOf, recordOf } from '../common/records.js';

/**
 * What is stored of the results of a run, number by number. Tables and their checks, what computes a number, `show`, its JSON, the summary,
 * the null model, `doctor`, the content of a store and the table of docs/topology.md loop over these descriptions.
 */
export interface Statistic {
  /** Its column in SQL. */
  readonly column: string;
  /** In the heading of a table. */
  readonly title: string;
  readonly stored: 'integer' | 'real';
  readonly unit: 'bars' | 'nats' | 'distance' | 'points' | 'edges';
  /** Its values are from here to infinity, without infinity. */
  readonly least: number;
  /** Places behind the point where people read it. */
  readonly decimals: number;
  readonly sentence: string;
  /** When a row may have none; null where every row has it. A row never has a 0 in place of a number that is not known. */
  readonly nullRule: string | null;
  /** Why two stores with the same results may have it differ, so that it is no part of their content; null where it is a part. */
  readonly notContent: string | null;
}

/** A number of the bars of one homology dimension. */
export interface BarStatistic extends Statistic {
  /** Whose bars it is stored of: a run's diagram has its bars beside it, the diagram of a surrogate has these numbers alone. */
  readonly keptOf: readonly ('diagram' | 'surrogate')[];
  /** Its name in `show ID --json`, where a run has one line for each dimension; null where it is not there. */
  readonly overviewName: string | null;
  /** Its name in `show ID RUN --json`; null where other values there say it. */
  readonly documentName: string | null;
  /** Whether the table of `show ID RUN` has it. */
  readonly isInTable: boolean;
  /** The heading under which the summary of an experiment has its mean, least and greatest value over the runs; null where it has not. */
  readonly summaryTitle: string | null;
  /**
   * Words for a number by which a run is ranked among its surrogates: it in the plural, what rank 1 is, and why there is nothing to rank
   * where it is 0. Null for a number by which none is ranked. Such a number is kept of surrogates.
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

/** Names of the numbers that are stored of a diagram, or of a surrogate's. */
export type KeptOf<Whose extends 'diagram' | 'surrogate'> = {
  [Name in BarStatisticName]: Whose extends (typeof BAR_STATISTICS)[Name]['keptOf'][number] ? Name : never;
}[BarStatisticName];

/** The numbers of some bars. Null is a number that these bars do not have, by its null rule. */
export type BarStatisticValues = {
  readonly [Name in BarStatisticName]: (typeof BAR_STATISTICS)[Name]['nullRule'] extends null
    ? number
    : number | null;
};

/** The numbers that a row of a diagram's dimension has, or of a surrogate's. */
export type StoredStatistics<Whose extends 'diagram' | 'surrogate'> = Pick<BarStatisticValues, KeptOf<Whose>>;

/** How each number is computed from bars: birth, death, birth, death, ... */
export type BarMeasures = {
  readonly [Name in BarStatisticName]: (bars: Float32Array) => BarStatisticValues[Name];
};

/** Names of the numbers that the summary of an experiment has. */
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

/** What is said of a number, whichever it is. */
export function describe(name: BarStatisticName): BarStatistic {
  return BAR_STATISTICS[name];
}

/** Some of the numbers of bars, by these measures. */
export function measured<Name extends BarStatisticName>(
  bars: Float32Array,
  measures: BarMeasures,
  names: readonly Name[],
): Pick<BarStatisticValues, Name> {
  // Which of them may be null follows from their descriptions, which the type of a loop does not say.
  return recordOf<Name, number | null>(names, (name) => measures[name](bars)) as Pick<
    BarStatisticValues,
    Name
  >;
}

/** Numbers of a diagram that a row may lack, by their null rules. */
export const NULLABLE_DIAGRAM_STATISTICS = DIAGRAM_STATISTICS.filter(
  (name) => describe(name).nullRule !== null,
);

/** What is wrong with a number, as far as its description says; null where nothing is. */
export function rangeProblem({ column, least }: Statistic, value: number | null): string | null {
  if (value !== null && value >= least && value < Infinity) return null;
  return `its ${column} is ${value}; it is a number from ${least} on`;
}

/** Numbers of a diagram as a whole. The kernel counts them while it makes the diagram. */
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
