import type { ExperimentRow, OverviewFigures, RunOverview, RunRow } from '../../db/index.js';
import { runCoordinates } from '../../experiment/config.js';
import { statisticText } from './statistics.js';
import { count, excerpt, tableLine } from '../terminal/format.js';

const PROMPT_WIDTH = 50;
const KIND_WIDTH = 30;

export function promptOf({ config }: ExperimentRow, { runIndex }: RunRow): string {
  return runCoordinates(config, runIndex).prompt;
}

/**
 * The lines of a table of all runs of an experiment. The widths are known beforehand, so no row has to wait for
 * the last one.
 */
export async function* overviewLines(
  row: ExperimentRow,
  figures: OverviewFigures,
  runs: AsyncIterable<RunOverview>,
): AsyncGenerator<string, void, undefined> {
  const { config } = row;
  // One column for each model and dimension, also for models that have embedded nothing yet.
  const columns = config.embedding_models.flatMap((model) =>
    Array.from({ length: config.max_dimension + 1 }, (_, dimension) => ({ model, dimension })),
  );
  const numbered = config.embedding_models.length > 1;
  const titles = columns.map(
    ({ model, dimension }) => `H${dimension}${numbered ? `.${config.embedding_models.indexOf(model)}` : ''}`,
  );
  const header = ['run', 'net', 'seed', 'status', 'length', 'end', ...titles, 'prompt'];
  const widest = [
    String(row.runCount - 1),
    String(config.networks.length - 1),
    ' '.repeat(figures.seedWidth),
    ' '.repeat(figures.statusWidth),
    count(figures.mostMade),
    widestEnd(figures),
    ...columns.map((column) => entropyText(figures.entropies, column)),
    '',
  ];
  const alignRight = [0, 1, 2, 4, ...columns.map((_, k) => 6 + k)];
  const widths = widest.map((cell, column) => Math.max(cell.length, header[column]!.length));
  const line = (cells: readonly string[]): string => tableLine(cells, widths, alignRight);
  yield line(header);
  for await (const { run, made, dimensions } of runs) {
    yield line([
      String(run.runIndex),
      String(runCoordinates(config, run.runIndex).networkIndex),
      String(run.seed),
      run.hold === 'paused' ? 'paused' : run.status,
      count(made),
      endText(run),
      ...columns.map((column) => entropyText(dimensions, column)),
      excerpt(promptOf(row, run), PROMPT_WIDTH),
    ]);
  }
}

function entropyText(
  entropies: readonly { readonly model: string; readonly dimension: number; readonly entropy: number }[],
  column: { readonly model: string; readonly dimension: number },
): string {
  const found = entropies.find(
    ({ model, dimension }) => model === column.model && dimension === column.dimension,
  );
  return found === undefined ? '-' : statisticText('entropy', found.entropy);
}

type RunEnd = Pick<RunRow, 'errorKind' | 'cycleLength' | 'stopReason'>;

function endText({ errorKind, cycleLength, stopReason }: RunEnd): string {
  if (errorKind !== null) return excerpt(errorKind, KIND_WIDTH);
  if (cycleLength !== null) return `cycle of ${cycleLength}`;
  return stopReason ?? '';
}

function widestEnd({ errorKinds, longestCycle, stopReasonWidth }: OverviewFigures): string {
  const kinds = errorKinds.map((kind) => excerpt(kind, KIND_WIDTH).length);
  const cycle = longestCycle === null ? 0 : `cycle of ${longestCycle}`.length;
  return ' '.repeat(Math.max(...kinds, cycle, stopReasonWidth));
}
