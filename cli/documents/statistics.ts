import {
  type BAR_STATISTICS,
  describe,
  DIAGRAM_COUNT_NAMES,
  DIAGRAM_COUNTS,
  DIAGRAM_STATISTICS,
} from '../../experiment/statistics.js';
import type {
  BarStatisticName,
  DiagramCountName,
  KeptOf,
  StoredStatistics,
} from '../../experiment/statistics.js';
import { count } from '../terminal/format.js';

type OfDiagram = StoredStatistics<'diagram'>;
type Described = typeof BAR_STATISTICS;

/** The numbers of one homology dimension, under their names in `show ID RUN --json`. */
export type StatisticsDocument = {
  readonly [Name in KeptOf<'diagram'> as Described[Name]['documentName'] & string]: OfDiagram[Name];
};

export function statisticsDocument(row: OfDiagram): StatisticsDocument {
  return renamed(row, (name) => describe(name).documentName) as StatisticsDocument;
}

/** The same numbers, under their names in the lines of `show ID --json`. */
export type OverviewStatistics = {
  readonly [Name in KeptOf<'diagram'> as Described[Name]['overviewName'] & string]: OfDiagram[Name];
};

export function overviewStatistics(row: OfDiagram): OverviewStatistics {
  return renamed(row, (name) => describe(name).overviewName) as OverviewStatistics;
}

/** By the names of the descriptions, which the types above say and a loop does not. */
function renamed(row: OfDiagram, nameOf: (name: KeptOf<'diagram'>) => string | null): object {
  return Object.fromEntries(
    DIAGRAM_STATISTICS.flatMap((name) => {
      const documentName = nameOf(name);
      return documentName === null ? [] : [[documentName, row[name]]];
    }),
  );
}

/** The counts of a diagram, under their names in `show ID RUN --json`. */
export type CountsDocument = {
  readonly [Name in DiagramCountName as (typeof DIAGRAM_COUNTS)[Name]['documentName']]: number;
};

export function countsDocument(diagram: Readonly<Record<DiagramCountName, number>>): CountsDocument {
  // As above.
  return Object.fromEntries(
    DIAGRAM_COUNT_NAMES.map((name) => [DIAGRAM_COUNTS[name].documentName, diagram[name]]),
  ) as CountsDocument;
}

/** A number for people. `-` if the row has none. */
export function statisticText(name: BarStatisticName, value: number | null): string {
  if (value === null) return '-';
  const { stored, decimals } = describe(name);
  return stored === 'integer' ? count(value) : value.toFixed(decimals);
}

const IN_TABLE = DIAGRAM_STATISTICS.filter((name) => describe(name).isInTable);

/** Titles of the columns for numbers in the table of a diagram. */
export const TABLE_TITLES: readonly string[] = IN_TABLE.map((name) => describe(name).title);

/** The cells of one homology dimension for these columns. */
export function tableCells(document: StatisticsDocument, barCount: number): string[] {
  const values: Readonly<Record<string, number | null>> = document;
  return IN_TABLE.map((name) => {
    const { documentName } = describe(name);
    return statisticText(name, documentName === null ? barCount : (values[documentName] ?? null));
  });
}
