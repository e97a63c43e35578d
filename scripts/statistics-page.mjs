import { cell, withTable } from './page-table.mjs';

/**
 * A page with the table of the numbers that are stored of a diagram between its two marks.
 * @param {string} page
 * @param {{ readonly [name: string]: import('../experiment/statistics.js').Statistic }} ofDiagrams
 * @param {{ readonly [name: string]: import('../experiment/statistics.js').BarStatistic }} ofBars
 */
export function withStatistics(page, ofDiagrams, ofBars) {
  const rows = [
    ...Object.values(ofDiagrams).map((described) => ['diagrams', described]),
    ...Object.values(ofBars).map((described) => [
      described.keptOf.map((whose) => TABLES[whose]).join(', '),
      described,
    ]),
  ].map(([tables, { column, unit, sentence, nullRule }]) => [
    `\`${column}\``,
    tables,
    unit,
    cell(nullRule === null ? sentence : `${sentence} Null where ${nullRule}.`),
  ]);
  return withTable(page, 'write-statistics-page.mjs', ['column', 'of tables', 'unit', 'meaning'], rows);
}

const TABLES = { diagram: 'diagram_dimensions', surrogate: 'surrogates' };
