import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PanicError } from '../experiment/errors.js';
import type { ExperimentConfig } from '../experiment/config.js';
import type { Catalogue, Model } from '../experiment/model.js';

const HUB = 'hub:';

/** Whether the model needs files and a host process of its own. */
export function isNeural(model: Model): boolean {
  return model.source.startsWith(HUB);
}

/** `owner/name` of the repository a neural model comes from. */
export function repositoryOf(model: Model): string {
  return model.source.slice(HUB.length);
}

/** The files that a model needs, as paths within its repository; none for a built-in model. */
export function requiredFiles(model: Model): readonly string[] {
  return model.weights?.files ?? [];
}

/** The folder of one revision, so that two live side by side: `<folder>/<owner>/<name>@<revision>`. */
export function pinnedFolder(model: Model, modelsFolder: string): string {
  return join(modelsFolder, `${repositoryOf(model)}@${model.revision}`);
}

/**
 * The folders a neural model may be read from: the pinned one, or one put there by hand under the model's catalogue name
 * or its repository's name. None for a built-in model.
 */
export function modelFolders(model: Model, modelsFolder: string): string[] {
  if (!isNeural(model)) return [];
  const repositoryName = repositoryOf(model).split('/').at(-1)!;
  return [
    pinnedFolder(model, modelsFolder),
    join(modelsFolder, model.name),
    join(modelsFolder, repositoryName),
  ];
}

/** The first of its folders that has every file; where none has, the pinned one. */
export function modelFolder(model: Model, modelsFolder: string): string {
  return (
    modelFolders(model, modelsFolder).find((folder) => missingFrom(model, folder).length === 0) ??
    pinnedFolder(model, modelsFolder)
  );
}

function missingFrom(model: Model, folder: string): string[] {
  return requiredFiles(model)
    .map((file) => join(folder, file))
    .filter((path) => !existsSync(path));
}

/** Paths of the files that a model needs and this machine lacks. Empty for built-in models. */
export function missingModelFiles(model: Model, modelsFolder: string): string[] {
  return missingFrom(model, modelFolder(model, modelsFolder));
}

/** Paths of the files that this machine lacks of all models that an experiment names. */
export function missingExperimentFiles(
  config: Pick<ExperimentConfig, 'networks' | 'embedding_models'>,
  catalogue: Catalogue,
  modelsFolder: string,
): string[] {
  const names = new Set([...config.networks.flat(), ...config.embedding_models]);
  return [...names].flatMap((name) => missingModelFiles(catalogue.get(name)!, modelsFolder));
}

/** Throws PanicError `ModelFilesMissing` unless `folder` has every file of the model. */
export function requireModelFiles(model: Model, folder: string): void {
  const missing = missingFrom(model, folder);
  if (missing.length === 0) return;
  throw new PanicError(
    'ModelFilesMissing',
    `${model.name} needs files that are not on this machine:\n${missing.map((path) => `  ${path}`).join('\n')}\n` +
      `Put the files of ${repositoryOf(model)} (revision ${model.revision}) there.`,
  );
}
