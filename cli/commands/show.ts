import type { ExperimentRow, RunOverview, RunRow, SharedVectors, Store } from '../../db/index.js';
import { experimentFile, MAX_FILE_BYTES } from '../../experiment/config.js';
import { totalRuns } from '../../experiment/run-status.js';
import { PanicError } from '../../common/errors.js';
import { explainUnknown, unknownModels } from '../../experiment/unknown-models.js';
import { readingExperiments } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { findExperiment } from '../lookup/find-experiment.js';
import { stateText } from '../session/who-drives.js';
import { count, isoTime, oneLine, plural, table } from '../terminal/format.js';
import { nullModelText } from '../documents/null-model.js';
import { heading, note, outputWidth, print, printJsonWithList, printLines } from '../terminal/output.js';
import { documentSteps, runDocument, stepDocument } from '../documents/run.js';
import type { BarPair, RunDocument } from '../documents/run.js';
import { printedColumns } from '../documents/step-columns.js';
import { overviewLines, promptOf } from '../documents/run-table.js';
import { overviewStatistics, TABLE_TITLES, tableCells } from '../documents/statistics.js';
import { cutOutputRows, sharedVectorRows } from '../documents/warnings.js';
import { excerptOf, visibleLine } from '../../common/text.js';

const LONGEST_BARS = 5;

/** `show ID`: the runs of an experiment, each with its end and its entropies. */
export async function showExperiment(context: Context, id: string): Promise<number> {
  return await readingExperiments(context, async (store) => {
    const row = await findExperiment(context, store, id);
    const warnings = {
      outputsCut: await store.summaries.outputsCut(row.id),
      sharedVectors: await store.summaries.sharedVectors(row.id, row.config.embedding_models),
    };
    if (context.json) {
      const document = { ...experimentDocument(context, row), ...warnings };
      await printJsonWithList(document, 'runs', runDocuments(store, row));
    } else await printExperiment(context, store, row, warnings);
    return EXIT.ok;
  });
}

/**
 * `show ID --experiment-file`: prints the experiment as a file that `run` takes, with its drawn seeds, so that
 * another data folder can make the same runs.
 */
export async function showExperimentFile(context: Context, id: string): Promise<number> {
  return await readingExperiments(context, async (store) => {
    const row = await findExperiment(context, store, id);
    const drawn = row.config.seeds.includes(-1) ? await store.experiments.drawnSeeds(row.id) : [];
    const file = experimentFile(drawn.length === 0 ? row.config : { ...row.config, drawn_seeds: drawn });
    print(JSON.stringify(file, null, 2));
    const size = Buffer.byteLength(JSON.stringify(file));
    if (size > MAX_FILE_BYTES) {
      note(
        `These are ${count(size)} bytes without spaces, and "run" takes ${count(MAX_FILE_BYTES)}: split its prompts or seeds, with their drawn_seeds, over several files.`,
      );
    }
    return EXIT.ok;
  });
}

/** The document without the runs, of which there may be very many. */
function experimentDocument({ catalogue }: Context, row: ExperimentRow) {
  const runs: OverviewDocument[] = [];
  return {
    experiment: row.id,
    name: row.name,
    status: row.status,
    error: row.error,
    createdAt: isoTime(row.createdAt),
    startedAt: isoTime(row.startedAt),
    finishedAt: isoTime(row.finishedAt),
    config: row.config,
    /**
     * The user's catalogue files that gave it models when it was last started. Null if an older version started
     * it.
     */
    catalogue: row.catalogue,
    unknownModels: unknownModels(row.config, catalogue),
    runs,
  };
}

type OverviewDocument = ReturnType<typeof overviewDocument>;

function overviewDocument(row: ExperimentRow, { run, made, dimensions }: RunOverview) {
  return {
    run: run.runIndex,
    network: run.network,
    seed: run.seed,
    prompt: promptOf(row, run),
    status: run.status,
    hold: run.hold,
    invocations: made,
    stopReason: run.stopReason,
    cycle: run.cycleStart === null ? null : { start: run.cycleStart, length: run.cycleLength },
    error: run.errorKind === null ? null : { kind: run.errorKind, message: run.errorMessage },
    entropies: dimensions.map((row) => ({
      model: row.model,
      dimension: row.dimension,
      ...overviewStatistics(row),
    })),
  };
}

async function* runDocuments(
  store: Store,
  row: ExperimentRow,
): AsyncGenerator<OverviewDocument, void, undefined> {
  for await (const overview of store.runOverviews.list(row.id)) yield overviewDocument(row, overview);
}

async function printExperiment(
  context: Context,
  store: Store,
  row: ExperimentRow,
  { outputsCut, sharedVectors }: { outputsCut: number; sharedVectors: readonly SharedVectors[] },
): Promise<void> {
  const { config } = row;
  const name = row.name === null ? '' : ` "${oneLine(row.name)}"`;
  print(`${heading(`Experiment ${row.id}${name}`)}: ${stateText(row.status)}\n`);
  print('Networks');
  print(table(config.networks.map((network, k) => [`  ${k}`, network.join(' → ')])));
  print(`\nPersistence entropies: ${entropyLegend(config.embedding_models)}\n`);
  const figures = await store.runOverviews.figures(row.id);
  await printLines(overviewLines(row, figures, store.runOverviews.list(row.id)));
  const unknown = unknownModels(config, context.catalogue);
  if (unknown.length > 0) print(`\nToday ${explainUnknown(unknown, context.catalogue, row.catalogue)}.`);
  if (row.startedAt === null) {
    const planned = totalRuns(await store.experiments.runsByStatus(row.id));
    if (planned < row.runCount) {
      print(
        `\nThese are ${count(planned)} of its ${plural(row.runCount, 'run')}; "${context.command('resume', row.id)}" plans the rest and runs it.`,
      );
    }
  }
  const warnings = [...cutOutputRows(outputsCut, count(figures.made)), ...sharedVectorRows(sharedVectors)];
  if (warnings.length > 0) print(`\n${table(warnings)}`);
  print(`\n"${context.command('show', row.id, 'RUN')}" shows one run.`);
}

function entropyLegend(models: readonly string[]): string {
  if (models.length === 1) return `H0, H1, … under ${models[0]}`;
  return models.map((model, k) => `H0.${k}, H1.${k}, … under ${model}`).join('; ');
}

/** `show ID RUN`: the trajectory of one run, its failures, and its diagrams. */
export async function showRun(context: Context, id: string, index: string): Promise<number> {
  return await readingExperiments(context, async (store) => {
    const row = await findExperiment(context, store, id);
    const run = await findRun(row, store, index);
    const document = await runDocument(store, run, promptOf(row, run));
    if (context.json) await printJsonWithList(document, 'trajectory', documentSteps(store, run));
    else await printRun(store, run, document);
    return EXIT.ok;
  });
}

async function findRun(row: ExperimentRow, store: Store, index: string): Promise<RunRow> {
  const last = row.runCount - 1;
  if (!/^\d{1,9}$/.test(index) || Number(index) > last) {
    throw new PanicError(
      'InvalidInput',
      `experiment ${row.id} has no run "${index}"; its runs are ${last === 0 ? '0' : `0 to ${last}`}`,
    );
  }
  return await store.runs.get(row.id, Number(index));
}

function statusOf({ status, hold }: RunDocument): string {
  return hold === 'paused' ? `paused (${status})` : status;
}

type StepFigures = Awaited<ReturnType<Store['invocations']['stepFigures']>>;

async function printRun(store: Store, run: RunRow, document: RunDocument): Promise<void> {
  const { cycle, error } = document;
  const figures = await store.invocations.stepFigures(run);
  const rows = [
    ['prompt', oneLine(document.prompt)],
    ['network', document.network.join(' → ')],
    ['seed', document.seed === -1 ? `-1 (drawn: ${document.drawnSeed})` : String(document.seed)],
    [
      'status',
      error === null
        ? statusOf(document)
        : `${document.status}: ${error.kind}: ${oneLine(error.message ?? '')}`,
    ],
    ['length', `${count(figures.steps)} of at most ${count(document.maxLength)}`],
    ...(cycle === null ? [] : [['cycle', `period ${cycle.length}, first entered at ${cycle.start}`]]),
    ...cutRows(document, figures),
    ...cutOutputRows(figures.told.outputCut, count(figures.steps)),
    ...sharedVectorRows(document.sharedVectors),
  ];
  print(`${heading(`Run ${document.run} of experiment ${document.experiment}`)}\n`);
  print(table(rows));
  print(`\n${heading('Trajectory')}\n`);
  await printTrajectory(store, run, figures);
  printFailures(document);
  for (const diagram of document.diagrams) printDiagram(diagram);
}

/** How much of the inputs and outputs was too long for the models. No rows if nothing was. */
function cutRows({ cutOutputs }: RunDocument, { steps, told, mostCutTokens }: StepFigures): string[][] {
  const { cutTokens: cutSteps } = told;
  const which = `${plural(cutSteps, 'step')} of ${count(steps)}`;
  const most = plural(mostCutTokens, 'token');
  return [
    ...(cutSteps === 0
      ? []
      : [['cut', `${which}, by up to ${most}: their models had no room for the end of their inputs`]]),
    ...cutOutputs.map(({ model, outputs, mostTokens }) => [
      'cut',
      `${plural(outputs, 'output')} for ${model}, by up to ${plural(mostTokens, 'token')}: it had no room for their ends`,
    ]),
  ];
}

async function printTrajectory(store: Store, run: RunRow, figures: StepFigures): Promise<void> {
  if (figures.steps === 0) print('Nothing yet.');
  else await printLines(trajectoryLines(store, run, figures));
}

/** A table whose widths are known beforehand, so no row has to wait for the last one. */
async function* trajectoryLines(
  store: Store,
  run: RunRow,
  { steps: count, seedWidth, sourceWidth, told }: StepFigures,
): AsyncGenerator<string, void, undefined> {
  const width = outputWidth();
  const modelWidth = Math.max(...['model', ...run.network].map((name) => visibleLine(name).length));
  const more = printedColumns(told);
  const lineOf = (
    [step, model, seed, source]: readonly [string, string, string, string],
    cells: readonly string[],
    output: string,
  ): string =>
    cut(
      [
        step.padStart(Math.max('step'.length, String(count - 1).length)),
        model.padEnd(modelWidth),
        seed.padStart(Math.max('seed'.length, seedWidth)),
        source.padEnd(Math.max('source'.length, sourceWidth)),
        ...more.map(({ heading, width }, k) => cells[k]!.padStart(Math.max(heading.length, width))),
        output,
      ]
        .join('  ')
        .trimEnd(),
      width,
    );
  yield lineOf(
    ['step', 'model', 'seed', 'source'],
    more.map(({ heading }) => heading),
    'output',
  );
  for await (const stored of store.invocations.steps(run)) {
    const step = stepDocument(store, stored);
    const output = 'text' in step ? oneLine(step.text ?? '') : (step.object ?? '');
    const source = step.outputCut ? `${step.source}, cut` : step.source;
    yield lineOf(
      [String(step.sequence), visibleLine(step.model), String(step.seed), source],
      more.map(({ cell }) => cell(stored)),
      output,
    );
  }
}

function cut(line: string, width: number): string {
  return excerptOf(line, width);
}

function printFailures({ failures }: RunDocument): void {
  if (failures.length === 0) return;
  const rows = failures.map(({ at, attempt, stage, sequence, kind, message }) => [
    at ?? '',
    String(attempt),
    sequence === null ? stage : `${stage} ${sequence}`,
    `${kind}: ${oneLine(message)}`,
  ]);
  print(`\n${heading('Failed attempts')}\n`);
  print(table([['time', 'try', 'at', 'error'], ...rows], [1]));
}

function printDiagram(diagram: RunDocument['diagrams'][number]): void {
  const edges = diagram.maxEdgeLength === null ? '' : `, edges up to ${diagram.maxEdgeLength}`;
  print(
    `\n${heading(`Persistence diagram under ${diagram.model}`)}: ${plural(diagram.points, 'point')} (${count(diagram.distinctPoints)} distinct)${edges}\n`,
  );
  const rows = diagram.dimensions.map((row) => [
    `H${row.dimension}`,
    ...tableCells(row, row.bars.length),
    longest(row.bars).map(barText).join('  '),
  ]);
  const numbers = TABLE_TITLES.map((_, place) => place + 1);
  print(table([['dim', ...TABLE_TITLES, 'longest bars'], ...rows], numbers));
  if (diagram.nullModel.length > 0) print(nullModelText(diagram.nullModel));
}

function longest(bars: readonly BarPair[]): BarPair[] {
  return [...bars].sort((a, b) => persistence(b) - persistence(a)).slice(0, LONGEST_BARS);
}

function persistence([birth, death]: BarPair): number {
  // Two infinite bars must compare as equal, and Infinity - Infinity is NaN.
  return death === null ? Number.MAX_VALUE : death - birth;
}

function barText([birth, death]: BarPair): string {
  return `[${birth.toFixed(3)}, ${death === null ? '∞' : death.toFixed(3)})`;
}
