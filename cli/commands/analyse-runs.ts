import { chooseModels } from '../analysis/chosen-models.js';
import { chooseRuns } from '../analysis/chosen-runs.js';
import type { LeftOut } from '../analysis/chosen-runs.js';
import { factorTests } from '../analysis/factor-analysis.js';
import { readGroups } from '../analysis/groups-file.js';
import { analyseModel, type AnalysedModel, partsOf, planModels } from '../analysis/model-analysis.js';
import { byNetwork } from '../analysis/network-runs.js';
import { horizonOf, type RunsOptions } from '../analysis/request.js';
import { runTables } from '../analysis/run-tables.js';
import { refuseTableFolder, writeTables } from '../analysis/table-folder.js';
import { adjusted } from '../analysis/test-family.js';
import { workProgress } from '../analysis/work-progress.js';
import { readingExperiments } from '../context.js';
import type { Context } from '../context.js';
import type { Store } from '../../db/index.js';
import { runAnalysisDocument, type RunAnalysis } from '../documents/run-analysis.js';
import { runAnalysisText } from '../documents/run-analysis-text.js';
import { EXIT } from '../program/exit-codes.js';
import { receiveSignals, stoppable } from '../terminal/interruption.js';
import { note, print, printJson } from '../terminal/output.js';

/** `analyse ID… runs`: what runs have in common, by embedding model and network. */
export async function analyseRuns(context: Context, options: RunsOptions): Promise<number> {
  if (options.csv !== undefined) refuseTableFolder(options.csv);
  return await readingExperiments(context, (store) =>
    stoppable('Stopped. Nothing was written.', (signal) => analyse(context, store, options, signal)),
  );
}

async function analyse(
  context: Context,
  store: Store,
  options: RunsOptions,
  signal: AbortSignal,
): Promise<number> {
  const { json } = context;
  const chosen = await chooseRuns(context, store, options.ids);
  const { experiments, runs } = chosen;
  const groupOf =
    options.groups === undefined
      ? null
      : readGroups(options.groups, new Set(runs.map(({ prompt }) => prompt)));
  const horizon = horizonOf(options, experiments);
  const models = await chooseModels(store, experiments, options.model);
  const planned = await planModels(store, models, byNetwork(runs), horizon);
  const progress = workProgress(partsOf(planned, horizon), json);
  const analysed: AnalysedModel[] = [];
  const leftOut: LeftOut[] = [...chosen.leftOut];
  try {
    for (const model of planned) {
      analysed.push(await analyseModel(store, model, { horizon, groupOf, signal, progress }, leftOut));
    }
  } finally {
    progress.done();
  }
  const tests = adjusted(
    analysed.flatMap(({ model, networks, absorption, factors }) => [
      ...networks.flatMap((network) => network.tests),
      absorption.test,
      ...factorTests(model, factors),
    ]),
  );
  const analysis: RunAnalysis = { chosen: { ...chosen, leftOut }, horizon, models: analysed, tests };
  await receiveSignals(signal);
  if (options.csv !== undefined) await writeTables(options.csv, runTables(analysed, tests), signal);
  if (json) printJson(runAnalysisDocument(analysis));
  else print(runAnalysisText(analysis));
  if (options.csv !== undefined) note(`Tables: ${options.csv}`);
  return EXIT.ok;
}
