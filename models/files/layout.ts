import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { PanicError } from '../../common/errors.js';
import type { Model } from '../../experiment/model.js';
import { isThere } from '../../common/presence.js';
import { isPackaged, PACKAGED_REMEDY, packagedFolder } from './packaged.js';

const HUB = 'hub:';
const FOLDER = 'folder:';

/** Whether the model needs files. */
export function isNeural(model: Model): boolean {
  return requiredFiles(model).length > 0;
}

/** `owner/name` of the hub's repository that a model or a part comes from; null for a local folder. */
export function hubRepository({ source }: Pick<Part, 'source'>): string | null {
  return source.startsWith(HUB) ? source.slice(HUB.length) : null;
}

/** The path of a local folder that a model comes from; null for one that comes from a hub. */
export function folderSource({ source }: Pick<Part, 'source'>): string | null {
  return source.startsWith(FOLDER) ? source.slice(FOLDER.length) : null;
}

/** Where a model with files comes from, in words: `owner/name`, or the path of its folder. */
export function repositoryOf(model: Model): string {
  if (isPackaged(model)) return packagedFolder(model);
  return hubRepository(model) ?? model.source.slice(FOLDER.length);
}

/** A repository that a model is made of: its own, or that of a component. */
export interface Part {
  readonly source: string;
  readonly revision: string;
  /** Of its files: where each lies in its repository, and in the model's folder. */
  readonly files: readonly { readonly inRepository: string; readonly path: string }[];
}

/** What a model with files is made of: its own repository first. */
export function partsOf(model: Model): readonly [Part, ...Part[]] {
  const components = (model.weights?.components ?? []).map(({ source, revision, folder, files }) => ({
    source,
    revision,
    files: files.map((inRepository) => ({ inRepository, path: `${folder}/${inRepository}` })),
  }));
  const others = new Set(components.flatMap(({ files }) => files.map(({ path }) => path)));
  const own = requiredFiles(model).filter((path) => !others.has(path));
  const files = own.map((path) => ({ inRepository: path, path }));
  return [{ source: model.source, revision: model.revision, files }, ...components];
}

/** The model at these revisions of its parts, in their order. */
export function withRevisions(model: Model, [own, ...others]: readonly string[]): Model {
  const revision = own ?? model.revision;
  if (model.weights === null) return { ...model, revision };
  const components = model.weights.components?.map((part, k) => ({
    ...part,
    revision: others[k] ?? part.revision,
  }));
  return { ...model, revision, weights: { ...model.weights, ...(components && { components }) } };
}

/** The files that a model needs, as paths within its folder; none for a built-in model. */
export function requiredFiles(model: Model): readonly string[] {
  return model.weights?.files ?? [];
}

/**
 * Where a model's files belong: `<folder>/<owner>/<name>@<revision>`, so that two revisions live side by side, with those of its
 * components behind it; for a model of a local folder or of the program's own, that folder.
 */
export function pinnedFolder(model: Model, modelsFolder: string): string {
  const repository = hubRepository(model);
  if (repository === null) return repositoryOf(model);
  const components = (model.weights?.components ?? []).map(
    ({ folder, revision }) => `+${folder}@${revision.replaceAll('/', '-').slice(0, 12)}`,
  );
  return join(modelsFolder, [`${repository}@${model.revision}`, ...components].join(''));
}

/**
 * The folders a model with files may be read from: the pinned one, or one put there by hand under the model's catalogue name
 * or its repository's name. None for a built-in model.
 */
export function modelFolders(model: Model, modelsFolder: string): string[] {
  if (!isNeural(model)) return [];
  const repository = hubRepository(model);
  if (repository === null) return [repositoryOf(model)];
  const names = new Set([model.name, repository.split('/').at(-1)!]);
  return [pinnedFolder(model, modelsFolder), ...[...names].map((name) => join(modelsFolder, name))];
}

/** The first of its folders that has every file; where none has, the pinned one. */
export function modelFolder(model: Model, modelsFolder: string): string {
  return (
    modelFolders(model, modelsFolder).find((folder) => missingFrom(model, folder).length === 0) ??
    pinnedFolder(model, modelsFolder)
  );
}

/** Full paths of the files that a model needs and `folder` lacks. */
export function missingFrom(model: Model, folder: string): string[] {
  return requiredFiles(model)
    .map((file) => join(folder, file))
    .filter((path) => !isThere(path));
}

/** Paths of the files that a model needs and this machine lacks. Empty for built-in models. */
export function missingModelFiles(model: Model, modelsFolder: string): string[] {
  return missingFrom(model, modelFolder(model, modelsFolder));
}

/** Throws PanicError `ModelFilesMissing` unless `folder` has every file of the model. */
export function requireModelFiles(model: Model, folder: string): void {
  const missing = missingFrom(model, folder);
  if (missing.length === 0) return;
  throw new PanicError(
    'ModelFilesMissing',
    `${model.name} needs files that are not on this machine:\n${missing.map((path) => `  ${path}`).join('\n')}\n${remedyFor(model)}`,
  );
}

function remedyFor(model: Model): string {
  if (isPackaged(model)) return PACKAGED_REMEDY;
  return hubRepository(model) === null
    ? `Put the files of ${model.name} there; then "panic-tda models verify ${model.name}".`
    : `"panic-tda models pull ${model.name}" gets them.`;
}

/** Every file of a folder, as a catalogue entry lists them: paths from the folder on. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}
