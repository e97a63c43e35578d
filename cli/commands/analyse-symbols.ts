import { chooseModels } from '../analysis/chosen-models.js';
import { chooseRuns, type ChosenRun, type LeftOut } from '../analysis/chosen-runs.js';
import { memoryLimit } from '../analysis/memory.js';
import { byNetwork } from '../analysis/network-runs.js';
import { refuseManySteps, symbolRows } from '../analysis/output-alphabet.js';
import { type AnalysisOptions, horizonOf } from '../analysis/request.js';
import {
  analyseOutputs,
  type AnalysedSymbols,
  experimentsOf,
  orderTests,
} from '../analysis/symbol-analysis.js';
import { symbolTables } from '../analysis/symbol-tables.js';
import { refuseTableFolder, writeTables } from '../analysis/table-folder.js';
import { adjusted } from '../analysis/test-family.js';
import { testTable } from '../analysis/run-tables.js';
import { workProgress } from '../analysis/work-progress.js';
import { PanicError } from '../../common/errors.js';
import { readingExperiments } from '../context.js';
import type { Context } from '../context.js';
import { openReader } from '../../db/index.js';
import type { Store } from '../../db/index.js';
import {
  symbolAnalysisDocument,
  symbolAnalysisText,
  type SymbolAnalysis,
} from '../documents/symbol-analysis.js';
import { EXIT } from '../program/exit-codes.js';
import { bytes } from '../terminal/format.js';
import { receiveSignals, stoppable } from '../terminal/interruption.js';
import { note, print, printJson } from '../terminal/output.js';

/** `analyse ID… symbols`: the outputs of runs as symbols, their dwells and transitions, network by network. */
export async function analyseSymbols(context: Context, options: AnalysisOptions): Promise<number> {
  if (options.csv !== undefined) refuseTableFolder(options.csv);
  return await readingExperiments(context, (store) =>
    stoppable('Stopped. Nothing was written.', (signal) => analyse(context, store, options, signal)),
  );
}

async function analyse(
  context: Context,
  store: Store,
  options: AnalysisOptions,
  signal: AbortSignal,
): Promise<number> {
  const chosen = await chooseRuns(context, store, options.ids);
  const { experiments, runs } = chosen;
  const horizon = horizonOf(options, experiments);
  const { model } = options;
  const modality = model === undefined ? null : (await chooseModels(store, experiments, model))[0]!.input;
  const steps = mostSteps(runs, horizon);
  refuseManySteps(steps, memoryLimit(), bytes);
  const progress = workProgress(
    [
      { name: 'reading outputs', operations: steps * OPERATIONS_TO_READ },
      { name: 'counting transitions', operations: steps * OPERATIONS_TO_COUNT },
    ],
    context.json,
  );
  const leftOut: LeftOut[] = [...chosen.leftOut];
  let found: AnalysedSymbols | null;
  try {
    const work = { modality, horizon, signal, progress };
    found = await analyseOutputs(store, byNetwork(runs), work, leftOut);
  } finally {
    progress.done();
  }
  if (found === null) {
    throw new PanicError(
      'InvalidInput',
      'no run has such an output up to the horizon; take a higher --horizon',
    );
  }
  const tests = adjusted(orderTests(found.statistics));
  const analysis: SymbolAnalysis = { ...found, chosen: { ...chosen, leftOut }, horizon, tests };
  await receiveSignals(signal);
  if (options.csv !== undefined) await write(options.csv, store, analysis, signal);
  if (context.json) printJson(symbolAnalysisDocument(analysis));
  else print(symbolAnalysisText(analysis));
  if (options.csv !== undefined) note(`Tables: ${options.csv}`);
  return EXIT.ok;
}

/** Operations of about 1.5 ns: a row from the database, and the symbols of a step in 999 random orders. */
const OPERATIONS_TO_READ = 2000;
const OPERATIONS_TO_COUNT = 40_000;

/** The most steps that runs have up to the horizon; a run in a cycle is extended to it. */
function mostSteps(runs: readonly ChosenRun[], horizon: number): number {
  return runs.reduce(
    (sum, { cycle, length }) => sum + (cycle === null ? Math.min(length, horizon) : horizon),
    0,
  );
}

async function write(
  folder: string,
  store: Store,
  analysis: SymbolAnalysis,
  signal: AbortSignal,
): Promise<void> {
  const { alphabet, networks, tests } = analysis;
  const reader = await openReader(store.db);
  try {
    const names = {
      name: 'symbols',
      columns: ['symbol', 'steps', 'modality', 'sha256', 'text'],
      rows: symbolRows(reader, experimentsOf(networks), alphabet),
    };
    await writeTables(folder, [names, ...symbolTables(analysis), testTable(tests)], signal);
  } finally {
    await reader.close();
  }
}
