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

/** `owner/name` of the hub's repository of a model or a part; null for a local folder. */
export function hubRepository({ source }: Pick<Part, 'source'>): string | null {
  return source.startsWith(HUB) ? source.slice(HUB.length) : null;
}

/** The path of a model's local folder; null for a model from a hub. */
export function folderSource({ source }: Pick<Part, 'source'>): string | null {
  return source.startsWith(FOLDER) ? source.slice(FOLDER.length) : null;
}

/** Where a model with files comes from, in words: `owner/name`, or the path of its folder. */
export function repositoryOf(model: Model): string {
  if (isPackaged(model)) return packagedFolder(model);
  return hubRepository(model) ?? model.source.slice(FOLDER.length);
}

/** One of a model's repositories: its own, or that of a component. */
export interface Part {
  readonly source: string;
  readonly revision: string;
  /** The part's files, each with its path in the repository and in the model's folder. */
  readonly files: readonly { readonly inRepository: string; readonly path: string }[];
}

/** The repositories of a model with files, its own first. */
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

/** The model with these revisions of its parts, in their order. */
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
 * The folder in which a model's files belong: `<folder>/<owner>/<name>@<revision>`, so that two revisions can be
 * there side by side. The name also has the revisions of the components. A model of a local folder, or of the
 * program itself, has that folder.
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
 * The folders from which a model with files may be read: the pinned one, or one that a user put there under the
 * model's catalogue name or its repository's name. None for a built-in model.
 */
export function modelFolders(model: Model, modelsFolder: string): string[] {
  if (!isNeural(model)) return [];
  const repository = hubRepository(model);
  if (repository === null) return [repositoryOf(model)];
  const names = new Set([model.name, repository.split('/').at(-1)!]);
  return [pinnedFolder(model, modelsFolder), ...[...names].map((name) => join(modelsFolder, name))];
}

/** The first of a model's folders that has every file; the pinned one where none has. */
export function modelFolder(model: Model, modelsFolder: string): string {
  return (
    modelFolders(model, modelsFolder).find((folder) => missingFrom(model, folder).length === 0) ??
    pinnedFolder(model, modelsFolder)
  );
}

/** Full paths of the files that a model needs and `folder` does not have. */
export function missingFrom(model: Model, folder: string): string[] {
  return requiredFiles(model)
    .map((file) => join(folder, file))
    .filter((path) => !isThere(path));
}

/** Full paths of the files that a model needs and this machine does not have; none for built-in models. */
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

/** Every file of a folder, as a catalogue entry lists files: by its path within the folder. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}
