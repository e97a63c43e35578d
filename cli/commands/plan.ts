import { dirname } from 'node:path';
import { requireWritable } from '../../db/index.js';
import type { Store } from '../../db/index.js';
import { modelNames } from '../../experiment/config.js';
import { modelOfKind } from '../../experiment/model.js';
import { errorMessage } from '../../common/errors.js';
import { experimentId } from '../../experiment/ids.js';
import { isThere } from '../../common/presence.js';
import { listed } from '../../common/problems.js';
import { planOf } from '../../experiment/index.js';
import type { ExperimentConfig, ModelWork, Plan, PlanHistory } from '../../experiment/index.js';
import {
  askServers,
  explainUnfit,
  explainUnready,
  servedModels,
  serverTroubles,
  MEASURED_MS_PER_INVOCATION,
  MEASURED_MS_PER_VECTOR,
  unfitModels,
  unreadyModels,
} from '../../models/index.js';
import type { AskedServer, UnfitModel, UnreadyModel } from '../../models/index.js';
import { DIAGRAM_START_SECONDS, predictRipsSeconds, predictSurrogateSeconds } from '../../tda/index.js';
import { diagramMemoryBytes, moreMemoryRemedy, predictDiagramBytes } from '../../workers/diagrams/pool.js';
import { configuredTemporal } from '../../workers/settings/temporal.js';
import { readingStore, shellQuoted } from '../context.js';
import type { Context } from '../context.js';
import { deviceTrouble } from '../devices.js';
import { EXIT } from '../program/exit-codes.js';
import { createObserver } from '../session/who-drives.js';
import { readValidExperiment } from '../lookup/experiment-file.js';
import { bytes, count, duration, oneLine, table } from '../terminal/format.js';
import { heading, print, printJson } from '../terminal/output.js';
import { routedBy } from '../session/known-routes.js';
import { type QueueDocument, queueDocument, queuesOf } from '../documents/queues.js';

interface PlanDocument extends Plan {
  readonly experiment: string;
  readonly name: string | null;
  /** Time of the models that history or a measurement knows, one call after another, in milliseconds. */
  readonly knownModelMs: number;
  /** Approximate time of the largest diagram on one core; see predictRipsSeconds. */
  readonly largestDiagramMs: number;
  /**
   * Approximate upper bounds for all diagrams, and for all surrogates, on one core: as if each were the
   * largest.
   */
  readonly diagramsMs: number;
  readonly surrogatesMs: number;
  /** Models whose time neither history nor a measurement knows. */
  readonly modelsWithoutHistory: readonly string[];
  /** Models that `run` would refuse, with their files that are missing, unverified or changed. */
  readonly unreadyModels: readonly {
    readonly name: string;
    readonly state: string;
    readonly paths: readonly string[];
  }[];
  /** Models whose files are present but do not fit, so that `run` would refuse them. */
  readonly unfitModels: readonly { readonly name: string; readonly why: string }[];
  /** What the model servers answer to this machine. A worker elsewhere may reach other servers. */
  readonly servers: readonly {
    readonly name: string;
    readonly state: AskedServer['server']['state'];
    /** What is wrong. Null if nothing is. */
    readonly why: string | null;
  }[];
  /**
   * Why `run` would refuse: the chosen device does not work, or models do not fit into it. Null if it would not
   * refuse.
   */
  readonly deviceTrouble: string | null;
  /** Why `run` could not write into the data folder. Null if it could. */
  readonly folderTrouble: string | null;
  /**
   * The task queues of its work at the configured Temporal service. Null if none is configured, or if it does
   * not answer.
   */
  readonly queues: readonly QueueDocument[] | null;
  /** Where this machine's file of routes disagrees with the database. Null if it agrees. */
  readonly routesRemark: string | null;
  /** What the database already has of this experiment. */
  readonly stored: {
    readonly status: string;
    readonly invocations: number;
    readonly diagrams: number;
  } | null;
}

/** `plan FILE`: says what a run of the file would do. Writes nothing and does not create the data folder. */
export async function planFile(context: Context, file: string): Promise<number> {
  const config = await readValidExperiment(file, context);
  const { modelsFolder } = context.environment;
  const models = modelNames(config).flatMap((name) => context.catalogue.get(name) ?? []);
  const [asked, refusedDevice, unfit] = await Promise.all([
    askServers(servedModels(config, context.catalogue), context.environment.servers),
    deviceTrouble(context, config),
    unfitModels(models, modelsFolder),
  ]);
  await readingStore(context, async (store) => {
    await store?.experiments.refuseOtherSeeds(experimentId(config), config);
    const unready = unreadyModels(config, context.catalogue, modelsFolder);
    const servers = asked.map(serverDocument);
    const routed = await routedBy(context, store);
    const queues = await queuesAtService(routed.context, config);
    const planned = await planDocument(context, config, store, unready);
    const document = {
      ...planned,
      unfitModels: unfit.map(({ model, why }) => ({ name: model.name, why })),
      servers,
      deviceTrouble: refusedDevice,
      folderTrouble: folderTrouble(context),
      queues,
      routesRemark: routed.disagreement,
    };
    if (context.json) printJson(document);
    else printPlan(context, document, config, file, { unready, unfit, asked });
  });
  return EXIT.ok;
}

function folderTrouble({ folder, place }: Context): string | null {
  try {
    let made = place.database === null ? folder.databaseFile : folder.lockFile;
    while (!isThere(dirname(made))) made = dirname(made);
    requireWritable(made);
    return null;
  } catch (error) {
    return errorMessage(error);
  }
}

function serverDocument({ model, server }: AskedServer): PlanDocument['servers'][number] {
  return { name: model.name, state: server.state, why: server.state === 'trouble' ? server.why : null };
}

async function queuesAtService(context: Context, config: ExperimentConfig): Promise<QueueDocument[] | null> {
  const observer = createObserver(context);
  try {
    const states = await observer.queues(queuesOf(config, context.routes));
    return states?.map((state) => queueDocument(context, state)) ?? null;
  } finally {
    await observer.close();
  }
}

async function planDocument(
  { catalogue }: Context,
  config: ExperimentConfig,
  store: Store | null,
  unready: readonly UnreadyModel[],
): Promise<
  Omit<
    PlanDocument,
    'unfitModels' | 'servers' | 'deviceTrouble' | 'folderTrouble' | 'queues' | 'routesRemark'
  >
> {
  const plan = planOf(config, catalogue, {
    diagramBytes: predictDiagramBytes,
    measured: { msPerInvocation: MEASURED_MS_PER_INVOCATION, msPerVector: MEASURED_MS_PER_VECTOR },
    ...(store === null ? {} : { history: await historyOf(store) }),
  });
  const work = workOf(plan);
  const id = experimentId(config);
  const row = (await store?.experiments.find(id)) ?? null;
  return {
    experiment: id,
    name: config.name,
    ...plan,
    ...diagramTimes(config, plan, catalogue),
    knownModelMs: work.reduce((sum, { ms }) => sum + (ms ?? 0), 0),
    modelsWithoutHistory: work.filter(({ ms }) => ms === null).map(({ model }) => model),
    unreadyModels: unready.map(({ model, readiness: { state, paths } }) => ({
      name: model.name,
      state,
      paths,
    })),
    stored: store === null || row === null ? null : await storedOf(store, id, row.status),
  };
}

/** What earlier work in the database measured. */
async function historyOf({ summaries }: Store): Promise<PlanHistory> {
  return {
    msPerInvocation: await summaries.invocationMs(),
    msPerVector: await summaries.vectorMs(),
    bytesPerImage: await summaries.imageBytes(),
  };
}

async function storedOf(store: Store, id: string, status: string): Promise<PlanDocument['stored']> {
  const { invocations, diagrams } = await store.summaries.progress(id);
  return { status, invocations, diagrams };
}

function workOf(plan: Plan): ModelWork[] {
  return [...plan.invocationsByModel, ...plan.embeddingsByModel];
}

function printPlan(
  context: Context,
  document: PlanDocument,
  config: ExperimentConfig,
  file: string,
  {
    unready,
    unfit,
    asked,
  }: {
    readonly unready: readonly UnreadyModel[];
    readonly unfit: readonly UnfitModel[];
    readonly asked: readonly AskedServer[];
  },
): void {
  const { stored } = document;
  const product = `${count(config.networks.length)} x ${count(config.seeds.length)} x ${count(config.prompts.length)}`;
  const rows = [
    ['runs', `${count(document.runs)} (networks x seeds x prompts: ${product})`],
    ['invocations', `at most ${count(document.invocations)}`],
    ['embeddings', `at most ${count(document.embeddings)}`],
    ['diagrams', `${count(document.diagrams)}${surrogatesText(document)}`],
    ...(document.diagrams === 0 ? [] : [['largest diagram', diagramText(document)]]),
    ['database', `about ${bytes(document.databaseBytes)}`],
    ['images', `about ${bytes(document.objectBytes)}`],
    ['model time', timeText(document)],
    ...(document.diagrams === 0 ? [] : [['diagram time', diagramTimeText(document)]]),
    ...(stored === null
      ? []
      : [
          [
            'already stored',
            `${count(stored.invocations)} invocations, ${count(stored.diagrams)} diagrams (${stored.status.replaceAll('_', ' ')})`,
          ],
        ]),
  ];
  const name = document.name === null ? '' : ` "${oneLine(document.name)}"`;
  print(`${heading(`Plan of experiment ${document.experiment}${name}`)}\n`);
  print(table(rows));
  const models = workOf(document).map(({ model, count: calls, ms, from }) => [
    model,
    count(calls),
    ms === null ? 'unknown' : `about ${duration(ms)}`,
    FROM_TEXT[from ?? 'nowhere'],
  ]);
  print(`\n${table([['model', 'calls', 'time', 'as measured'], ...models], [1, 2])}`);
  print(`\n${document.assumptions.join('\n')}`);
  if (unready.length > 0) {
    print(`\n${heading('Models that cannot be used yet')}\n${explainUnready(unready, context.command)}`);
  }
  if (unfit.length > 0) {
    print(`\n${heading('Models that cannot be used as they are')}\n${explainUnfit(unfit)}`);
  }
  const troubles = serverTroubles(asked);
  if (troubles.length > 0) {
    const from = configuredTemporal() === undefined ? '' : ' from this machine; your workers ask again';
    print(`\n${heading(`Servers that cannot be used${from}`)}\n${troubles.join('\n')}`);
  }
  if (document.deviceTrouble !== null) {
    print(`\n${heading('Devices')}\n${document.deviceTrouble}`);
  }
  if (document.folderTrouble !== null) {
    print(`\n${heading('Data folder')}\n${document.folderTrouble}`);
  }
  if (configuredTemporal() !== undefined) {
    print(`\n${heading('Task queues')}\n${queuesText(document)}`);
  }
  const refused =
    unready.length + unfit.length > 0 ||
    (troubles.length > 0 && configuredTemporal() === undefined) ||
    document.deviceTrouble !== null ||
    document.folderTrouble !== null;
  const run = context.command('run', shellQuoted(file.startsWith('-') ? `./${file}` : file));
  print(`\nNothing was written. "${run}" does it${refused ? ', once what is named above is mended' : ''}.`);
}

const FROM_TEXT = {
  history: 'in this data folder',
  measurement: 'once, on another machine',
  nowhere: '',
} as const;

function queuesText({ queues, routesRemark }: PlanDocument): string {
  if (queues === null)
    return 'The configured Temporal service does not answer: whether workers are there is not known.';
  return [
    ...queues.map(({ queue, workers, problem }) => problem ?? `${queue} is served by ${listed(workers)}`),
    ...(routesRemark === null ? [] : [routesRemark]),
  ].join('\n');
}

function surrogatesText({ surrogateDiagrams }: Plan): string {
  return surrogateDiagrams === 0 ? '' : `, and ${count(surrogateDiagrams)} of surrogates`;
}

/** Times on one core, from a measured model. */
function diagramTimes(
  config: ExperimentConfig,
  plan: Plan,
  catalogue: Context['catalogue'],
): Pick<PlanDocument, 'largestDiagramMs' | 'diagramsMs' | 'surrogatesMs'> {
  const dimensions = config.embedding_models.map(
    (name) => modelOfKind(catalogue, name, 'embedding')?.dimension ?? 0,
  );
  const size = [plan.largestDiagramPoints, config.max_dimension, Math.max(0, ...dimensions)] as const;
  const seconds = predictRipsSeconds(...size);
  const kinds = config.null_model?.kinds ?? [];
  const ofSurrogates = kinds.map(
    (kind) =>
      (plan.surrogateDiagrams / kinds.length) *
      (DIAGRAM_START_SECONDS + predictSurrogateSeconds(kind, ...size)),
  );
  return {
    largestDiagramMs: Math.ceil(1000 * seconds),
    diagramsMs: Math.ceil(1000 * plan.diagrams * (DIAGRAM_START_SECONDS + seconds)),
    surrogatesMs: Math.ceil(1000 * ofSurrogates.reduce((sum, all) => sum + all, 0)),
  };
}

/**
 * Upper bounds: a run that ends in a cycle has fewer points, and a run that settles has fewer distinct ones.
 */
function diagramTimeText({ diagramsMs, surrogatesMs, surrogateDiagrams }: PlanDocument): string {
  const surrogates = surrogateDiagrams === 0 ? '' : `, and ${duration(surrogatesMs)} for surrogates`;
  return `at most about ${duration(diagramsMs)} of one core${surrogates}`;
}

function diagramText(document: PlanDocument): string {
  const { largestDiagramPoints, largestDiagramBytes, largestDiagramMs } = document;
  const need = `${count(largestDiagramPoints)} points, about ${bytes(largestDiagramBytes)} of memory and ${duration(largestDiagramMs)}`;
  const limit = diagramMemoryBytes();
  return largestDiagramBytes <= limit
    ? need
    : `${need}: more than the ${bytes(limit)} that a worker may use here; lower max_dimension or max_length, or ${moreMemoryRemedy()}`;
}

function timeText({ knownModelMs, modelsWithoutHistory, modelMs }: PlanDocument): string {
  if (modelMs !== null) return `about ${duration(modelMs)}`;
  const unknown = `unknown for ${modelsWithoutHistory.join(', ')}`;
  return knownModelMs === 0 ? unknown : `about ${duration(knownModelMs)}, and ${unknown}`;
}
