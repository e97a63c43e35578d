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

/** The numbers of one homology dimension, under the names that their descriptions have for this use. */
type Renamed<Use extends 'documentName' | 'overviewName'> = {
  readonly [Name in KeptOf<'diagram'> as Described[Name][Use] & string]: OfDiagram[Name];
};

/** The numbers of one homology dimension, under their names in `show ID RUN --json`. */
export type StatisticsDocument = Renamed<'documentName'>;

export function statisticsDocument(row: OfDiagram): StatisticsDocument {
  return renamed(row, 'documentName');
}

/** The same numbers, under their names in the lines of `show ID --json`. */
export type OverviewStatistics = Renamed<'overviewName'>;

export function overviewStatistics(row: OfDiagram): OverviewStatistics {
  return renamed(row, 'overviewName');
}

// The overload states what a loop cannot: each number stands under the name of its description.
function renamed<Use extends 'documentName' | 'overviewName'>(row: OfDiagram, use: Use): Renamed<Use>;
function renamed(row: OfDiagram, use: 'documentName' | 'overviewName'): object {
  return Object.fromEntries(
    DIAGRAM_STATISTICS.flatMap((name) => {
      const documentName = describe(name)[use];
      return documentName === null ? [] : [[documentName, row[name]]];
    }),
  );
}

/** The counts of a diagram, under their names in `show ID RUN --json`. */
export type CountsDocument = {
  readonly [Name in DiagramCountName as (typeof DIAGRAM_COUNTS)[Name]['documentName']]: number;
};

// The overload states what a loop cannot, as above.
export function countsDocument(diagram: Readonly<Record<DiagramCountName, number>>): CountsDocument;
export function countsDocument(diagram: Readonly<Record<DiagramCountName, number>>): object {
  return Object.fromEntries(
    DIAGRAM_COUNT_NAMES.map((name) => [DIAGRAM_COUNTS[name].documentName, diagram[name]]),
  );
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
