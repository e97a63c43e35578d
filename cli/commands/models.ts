import { assertNever } from '../../common/errors.js';
import type { Component, Model } from '../../experiment/model.js';
import {
  askServers,
  isServed,
  isPackaged,
  modelFolders,
  PACKAGED_REMEDY,
  readinessOf,
  readLock,
  requiredFiles,
  type Readiness,
} from '../../models/index.js';
import type { Context } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { findModel } from '../lookup/find-model.js';
import { bytes, table } from '../terminal/format.js';
import { heading, note, print, printJson } from '../terminal/output.js';

interface ModelDocument extends Record<string, unknown> {
  readonly name: string;
  /**
   * Whether a run can use the model: `built-in`, `ready`, `missing`, `unverified`, `changed` or `pinned-since`.
   */
  readonly state: Readiness['state'];
  readonly requiredFiles: readonly string[];
  /** Full paths of the files that are missing, unverified or changed. */
  readonly paths: readonly string[];
  /** Where the files are or belong. Null for a built-in model. */
  readonly folder: string | null;
  /** Folders where a user may put files by hand. A run uses the first that has all of them. */
  readonly folders: readonly string[];
  /** The entry of the lock file, or null. */
  readonly locked: {
    readonly commit: string;
    readonly components: readonly { readonly source: string; readonly commit: string }[];
    readonly origin: string;
    readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
  } | null;
}

/** `models list`: prints the catalogue as a table. With `ready`, only the models that a run can use now. */
export async function listModels(context: Context, { ready }: { readonly ready: boolean }): Promise<number> {
  const { catalogue, environment } = context;
  const lock = readLock(environment.modelsFolder);
  const all = [...catalogue.values()].map((model) => ({
    model,
    readiness: readinessOf(model, environment.modelsFolder, lock),
  }));
  const listed = ready ? await readyAmong(all, context) : all;
  const unavailable = ready ? [] : [...(catalogue.unavailable?.values() ?? [])];
  if (context.json) {
    printJson(listed.map(({ model, readiness }) => documentOf(model, context, readiness)));
    return EXIT.ok;
  }
  const rows = listed.map(({ model, readiness }) => [
    model.name,
    model.kind,
    `${model.input} → ${model.kind === 'generative' ? model.output : `${model.dimension}-d vector`}`,
    filesText(model, readiness),
    [model.source, ...componentsOf(model).map(({ source }) => source)].join(' + '),
  ]);
  print(table([['name', 'kind', 'takes and gives', 'files', 'source'], ...rows]));
  if (unavailable.length > 0) {
    const names = unavailable.map(({ name }) => name).join(', ');
    print(`\nNot available, with the reason from "${context.command('models', 'show', 'NAME')}": ${names}`);
  }
  const left = all.length - listed.length;
  if (left > 0) print(`\n${left} more cannot be used yet; "${context.command('models', 'list')}" says why.`);
  return EXIT.ok;
}

interface ListedModel {
  readonly model: Model;
  readonly readiness: Readiness;
}

/**
 * The models whose files are verified, and those that need none. A model behind a server counts if the server
 * answers and serves it.
 */
async function readyAmong(
  models: readonly ListedModel[],
  { environment }: Context,
): Promise<readonly ListedModel[]> {
  const withFiles = models.filter(({ readiness }) => isReady(readiness));
  const served = withFiles.map(({ model }) => model).filter(isServed);
  const asked = await askServers(served, environment.servers);
  const troubled = new Set(
    asked.flatMap(({ model, server }) => (server.state === 'trouble' ? [model.name] : [])),
  );
  return withFiles.filter(({ model }) => !troubled.has(model.name));
}

function isReady({ state }: Readiness): boolean {
  return state === 'built-in' || state === 'ready';
}

/** `models show NAME`: one model, its files, and where they are or belong. */
export function showModel(context: Context, name: string): number {
  const model = findModel(context, name);
  const document = documentOf(model, context, readinessOf(model, context.environment.modelsFolder));
  if (context.json) printJson(document);
  else printModel(context, model, document);
  return EXIT.ok;
}

/** `models path NAME`: prints the folder of a model's files and nothing else, for scripts. */
export function printModelPath(context: Context, name: string): number {
  const model = findModel(context, name);
  const readiness = readinessOf(model, context.environment.modelsFolder);
  const folder = readiness.state === 'built-in' ? null : readiness.folder;
  const ready = isReady(readiness);
  if (context.json) printJson({ name, folder, state: readiness.state });
  else if (folder !== null) print(folder);
  if (folder === null && !context.json) note(`${name} needs no files.`);
  if (!ready) note(`${name}: ${filesText(model, readiness)}.`);
  return ready ? EXIT.ok : EXIT.failed;
}

function documentOf(model: Model, { environment }: Context, readiness: Readiness): ModelDocument {
  const builtIn = readiness.state === 'built-in';
  return {
    ...model,
    state: readiness.state,
    requiredFiles: requiredFiles(model),
    paths: 'paths' in readiness ? readiness.paths : [],
    folder: builtIn ? null : readiness.folder,
    folders: modelFolders(model, environment.modelsFolder),
    locked: readiness.state === 'ready' ? lockedOf(readiness) : null,
  };
}

function lockedOf({ entry }: Extract<Readiness, { state: 'ready' }>): ModelDocument['locked'] {
  const files = entry.files.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 }));
  const components = (entry.components ?? []).map(({ source, commit }) => ({ source, commit }));
  return { commit: entry.commit, components, origin: entry.origin, files };
}

function filesText(model: Model, readiness: Readiness): string {
  switch (readiness.state) {
    case 'built-in':
      return 'none needed';
    case 'ready':
      return 'verified';
    case 'missing':
      return `${readiness.paths.length} of ${requiredFiles(model).length} missing`;
    case 'unverified':
      return 'not verified';
    case 'changed':
      return 'changed since they were verified';
    case 'pinned-since':
      return 'just pulled';
    default:
      return assertNever(readiness);
  }
}

function printModel(context: Context, model: Model, document: ModelDocument): void {
  const { requiredFiles: needed, locked, state, folder } = document;
  const settings = Object.entries(model.settings).map(([key, value]) => `${key}=${String(value)}`);
  const rows = [
    ['kind', model.kind],
    ['takes', model.input],
    ['gives', model.kind === 'generative' ? model.output : `a vector of ${model.dimension} dimensions`],
    ...(model.kind === 'generative'
      ? [['deterministic', model.deterministic ? 'yes: input and seed decide the output' : 'no']]
      : []),
    ['source', model.source],
    ['revision', model.revision],
    ...componentsOf(model).map(({ source, revision, folder }) => [
      'component',
      `${source} at ${revision}, in ${folder}/`,
    ]),
    ['licence', model.license],
    ...(model.weights === null ? [] : weightRows(model.weights)),
    ...(settings.length === 0 ? [] : [['settings', settings.join(', ')]]),
    ['files', needed.length === 0 ? 'none needed' : needed.join(', ')],
  ];
  print(`${heading(model.name)}  ${model.summary}\n`);
  print(table(rows));
  if (folder === null) return;
  if (locked !== null) {
    print(`\nAll files are verified, in ${folder} (${locked.origin}, ${locked.commit}):\n`);
    print(
      table(
        locked.files.map((file) => [`  ${file.path}`, bytes(file.bytes), file.sha256]),
        [1],
      ),
    );
    return;
  }
  const folders = document.folders.map((one) => `  ${one}`).join('\n');
  print(`\nLooked for in these folders; the first that has every file is used:\n${folders}`);
  if (document.paths.length > 0) {
    print(`\n${TITLES[state] ?? state}:\n${document.paths.map((path) => `  ${path}`).join('\n')}`);
  }
  print(`\n${remedy(context, model, state)}`);
}

function componentsOf({ weights }: Model): readonly Component[] {
  return weights?.components ?? [];
}

function weightRows({ gated, memoryMiB }: NonNullable<Model['weights']>): string[][] {
  return [
    ['memory', `about ${bytes(memoryMiB * 2 ** 20)} when it is loaded`],
    ...(gated ? [['gated', 'yes: its terms have to be agreed to, and HF_TOKEN set']] : []),
  ];
}

const TITLES: Readonly<Partial<Record<Readiness['state'], string>>> = {
  missing: 'Missing',
  unverified: 'Not verified',
  changed: 'Changed since they were verified',
};

function remedy({ command }: Context, model: Model, state: Readiness['state']): string {
  if (state === 'pinned-since') return 'It was pulled a moment ago; ask again.';
  if (isPackaged(model)) return PACKAGED_REMEDY;
  if (state === 'unverified') return `"${command('models', 'verify', model.name)}" checks them.`;
  return model.source.startsWith('hub:')
    ? `"${command('models', 'pull', model.name)}" gets them.`
    : 'Put them there.';
}
