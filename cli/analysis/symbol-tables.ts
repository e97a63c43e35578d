import type { ChosenRun } from './chosen-runs.js';
import type { Cell } from './csv.js';
import type { AnalysedSymbols } from './symbol-analysis.js';
import type { CsvTable } from './table-folder.js';

/** The tables of `analyse symbols`, without the names of the symbols: a row for each bigram of a run, and each dwell. */
export function symbolTables({ networks, statistics }: AnalysedSymbols): CsvTable[] {
  const runs = networks.flatMap((network) => network.runs.map(({ run }) => run));
  return [
    {
      name: 'bigrams',
      columns: ['network', 'experiment', 'run', 'from', 'to', 'count'],
      rows: rowsOfRuns(runs, statistics.runs, ({ transitions }) =>
        transitions.map(({ from, to, count }) => [from, to, count]),
      ),
    },
    {
      name: 'dwells',
      columns: ['network', 'experiment', 'run', 'symbol', 'steps', 'censored'],
      rows: rowsOfRuns(runs, statistics.runs, ({ dwells }) =>
        dwells.map(({ symbol, length, censored }) => [symbol, length, censored]),
      ),
    },
    {
      name: 'transitions',
      columns: ['network', 'from', 'to', 'count', 'probability'],
      rows: transitionRows(statistics),
    },
  ];
}

type RunSymbols = AnalysedSymbols['statistics']['runs'][number];

function* rowsOfRuns(
  runs: readonly ChosenRun[],
  found: readonly RunSymbols[],
  cellsOf: (run: RunSymbols) => readonly (readonly Cell[])[],
): Generator<readonly Cell[]> {
  for (const [place, { experiment, index }] of runs.entries()) {
    const one = found[place]!;
    for (const cells of cellsOf(one)) yield [one.network, experiment, index, ...cells];
  }
}

function* transitionRows({ networks }: AnalysedSymbols['statistics']): Generator<readonly Cell[]> {
  for (const { network, transitions } of networks) {
    const leaving = new Map<Cell, number>();
    for (const { from, count } of transitions) leaving.set(from, (leaving.get(from) ?? 0) + count);
    for (const { from, to, count } of transitions)
      yield [network, from, to, count, count / leaving.get(from)!];
  }
}
