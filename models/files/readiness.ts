import { statSync } from 'node:fs';
import { join } from 'node:path';
import { modelNames, type ExperimentConfig } from '../../experiment/config.js';
import { assertNever, PanicError } from '../../common/errors.js';
import type { Catalogue, Model } from '../../experiment/model.js';
import { hubRepository, isNeural, missingFrom, modelFolder, partsOf, requiredFiles } from './layout.js';
import { isPackaged, PACKAGED_REMEDY } from './packaged.js';
import { folderOf, lockedEntry, lockedParts, type Lock, type LockedModel } from './lock.js';
import { readLock } from './lock-file.js';

/** Whether a run may use a model, judged by names, sizes and the lock file, without hashing. */
export type Readiness =
  | { readonly state: 'built-in' }
  | { readonly state: 'ready'; readonly folder: string; readonly entry: LockedModel }
  | { readonly state: 'missing'; readonly folder: string; readonly paths: readonly string[] }
  | { readonly state: 'unverified'; readonly folder: string; readonly paths: readonly string[] }
  | { readonly state: 'changed'; readonly folder: string; readonly paths: readonly string[] }
  /** The model's revision was pinned after this process had read its catalogue. */
  | { readonly state: 'pinned-since'; readonly folder: string; readonly paths: readonly string[] };

export function readinessOf(
  model: Model,
  modelsFolder: string,
  lock: Lock = readLock(modelsFolder),
): Readiness {
  if (!isNeural(model)) return { state: 'built-in' };
  const entry = lockedEntry(lock, model);
  const folder = entry === undefined ? modelFolder(model, modelsFolder) : folderOf(entry, modelsFolder);
  const missing = missingFrom(model, folder);
  if (missing.length > 0) return { state: 'missing', folder, paths: missing };
  const locked = new Map(entry?.files.map((file) => [file.path, file]));
  const unverified = requiredFiles(model).filter((file) => !locked.has(file));
  if (entry === undefined || unverified.length > 0) {
    return { state: 'unverified', folder, paths: unverified.map((file) => join(folder, file)) };
  }
  const parts = partsOf(model);
  if (lockedParts(entry).some(({ commit }, k) => commit !== parts[k]!.revision))
    return { state: 'pinned-since', folder, paths: [] };
  const changed = requiredFiles(model)
    .filter((file) => {
      const known = locked.get(file)!;
      return known.changedAt !== undefined || statSync(join(folder, file)).size !== known.bytes;
    })
    .map((file) => join(folder, file));
  return changed.length > 0
    ? { state: 'changed', folder, paths: changed }
    : { state: 'ready', folder, entry };
}

/** A model that a run cannot use now. */
export interface UnreadyModel {
  readonly model: Model;
  readonly readiness: Exclude<Readiness, { state: 'built-in' | 'ready' }>;
}

/**
 * The models of an experiment that a run cannot use now; none where it can start. `explainUnknown` reports names
 * that the catalogue does not have, which are not among them.
 */
export function unreadyModels(
  config: Pick<ExperimentConfig, 'networks' | 'embedding_models'>,
  catalogue: Catalogue,
  modelsFolder: string,
): UnreadyModel[] {
  return unreadyAmong(
    modelNames(config).flatMap((name) => catalogue.get(name) ?? []),
    modelsFolder,
  );
}

/** Those of the models that a run cannot use now. */
export function unreadyAmong(models: readonly Model[], modelsFolder: string): UnreadyModel[] {
  const lock = readLock(modelsFolder);
  return models.flatMap((model) => {
    const readiness = readinessOf(model, modelsFolder, lock);
    return readiness.state === 'built-in' || readiness.state === 'ready' ? [] : [{ model, readiness }];
  });
}

/**
 * Throws PanicError `ModelFilesMissing`, with the remedy, where a run cannot use the model, and `InvalidInput` for
 * a model without files. Whether the bytes are still the verified ones, `resolveModelFiles` finds out.
 */
export function requireReady(model: Model, modelsFolder: string): Extract<Readiness, { state: 'ready' }> {
  const readiness = readinessOf(model, modelsFolder);
  if (readiness.state === 'built-in') throw new PanicError('InvalidInput', `${model.name} has no files`);
  if (readiness.state === 'ready') return readiness;
  const told = explainUnready([{ model, readiness }], (...words) => ['panic-tda', ...words].join(' '));
  throw new PanicError('ModelFilesMissing', told);
}

/** What each model lacks, and the commands that help. `command` gives a command as the user would type it. */
export function explainUnready(
  unready: readonly UnreadyModel[],
  command: (...words: readonly string[]) => string,
): string {
  const withState = (state: UnreadyModel['readiness']['state']): UnreadyModel[] =>
    unready.filter(({ readiness }) => readiness.state === state);
  const named = (models: readonly UnreadyModel[]): string[] => models.map(({ model }) => model.name);
  const missing = withState('missing');
  const lines = unready.flatMap(({ model, readiness }) => [
    `${model.name}: ${sentenceOf(readiness)}`,
    ...readiness.paths.map((path) => `  ${path}`),
  ]);
  const toPull = [...missing, ...withState('changed')].filter(({ model }) => hubRepository(model) !== null);
  const toVerify = [
    ...withState('unverified'),
    ...withState('changed').filter(({ model }) => hubRepository(model) === null && !isPackaged(model)),
  ];
  if (unready.some(({ model }) => isPackaged(model))) lines.push(PACKAGED_REMEDY);
  if (toPull.length > 0) lines.push(`Get them with: ${command('models', 'pull', ...named(toPull))}`);
  if (toVerify.length > 0) lines.push(`Check them with: ${command('models', 'verify', ...named(toVerify))}`);
  return lines.join('\n');
}

function sentenceOf({ state }: UnreadyModel['readiness']): string {
  switch (state) {
    case 'missing':
      return 'these files are missing on this machine';
    case 'unverified':
      return 'these files were never verified; a run uses none that are not in the lock file';
    case 'changed':
      return 'these files are not those that were verified';
    case 'pinned-since':
      return 'its files were got after this process had read its catalogue; start it again';
    default:
      return assertNever(state);
  }
}
