import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { compiledFile } from '../common/compiled-file.js';
import { errorMessage, PanicError } from '../common/errors.js';
import type {
  Catalogue,
  CatalogueFileRead,
  CatalogueOrigin,
  Model,
  UnavailableModel,
} from '../experiment/model.js';
import { isThere } from '../common/presence.js';
import { formatProblems } from '../common/problems.js';
import type { CatalogueFile } from './catalogue-schema.js';
import { faultyModels } from './test-models/faulty.js';
import { lockFileIn, NO_LOCK, pinnedModel } from './files/lock.js';
import { isPackaged } from './files/packaged.js';

const program = programCatalogue();

/**
 * The program's own catalogue, which the build checked (`scripts/compile-catalogue.mjs`). A model whose files are
 * part of the program is pinned to these files.
 */
function programCatalogue(): CatalogueFile {
  const text = readFileSync(compiledFile('models/catalogue.json'), 'utf8');
  const { models, unavailable }: CatalogueFile = JSON.parse(text);
  return {
    models: models.map((model) => (isPackaged(model) ? pinnedModel(model, NO_LOCK) : model)),
    unavailable,
  };
}

function byName(
  models: readonly Model[],
  unavailable: readonly UnavailableModel[],
  origin: CatalogueOrigin,
): Catalogue {
  const entries = new Map(models.map((model) => [model.name, model]));
  return Object.assign(entries, {
    unavailable: new Map(unavailable.map((model) => [model.name, model])),
    origin,
  });
}

const BUILT_IN: CatalogueOrigin = { files: [], variable: null, inModelsFolder: null };

/** Every model that panic-tda brings along, in the order in which `models` lists them. */
export const catalogue: Catalogue = byName(program.models, program.unavailable, BUILT_IN);

const OWN_FILE = 'catalogue.json';

export interface CatalogueOptions {
  /** Adds the models that misbehave on purpose (blank captions, crashes, slowness). */
  readonly testModels?: boolean;
  /** Adds the entries of its `catalogue.json`, and takes revisions from its lock file. */
  readonly modelsFolder?: string;
  /** Path of a user's own catalogue file, whose entries are added. */
  readonly catalogueFile?: string | undefined;
}

/**
 * The catalogue without the entries of users' files that cannot be used, and all problems of these files, as
 * sentences.
 */
export async function readCatalogue(options: CatalogueOptions = {}): Promise<{
  readonly catalogue: Catalogue;
  readonly problems: readonly string[];
}> {
  const models = [...program.models, ...(options.testModels === true ? faultyModels : [])];
  const unavailable = [...program.unavailable];
  const problems: string[] = [];
  const files: CatalogueFileRead[] = [];
  const ownerOf = new Map(models.map(({ name }) => [name, "the program's catalogue"]));
  for (const path of ownFiles(options, problems)) {
    // Loaded only where a user has a catalogue file: the library of schemas takes longer to load than all else that
    // commands which read rows need.
    const { readOwnCatalogue } = await import('./own-catalogue.js');
    const own = readOwnCatalogue(path, (name) => ownerOf.get(name) ?? null);
    if (!own.ok) {
      problems.push(formatProblems(own.problems, path));
      continue;
    }
    for (const { name } of own.models) ownerOf.set(name, path);
    files.push({ path: resolve(path), sha256: own.sha256, models: own.models.map(({ name }) => name) });
    models.push(...own.models);
    unavailable.push(...own.unavailable);
  }
  const origin: CatalogueOrigin = {
    files,
    variable: options.catalogueFile === undefined ? null : resolve(options.catalogueFile),
    inModelsFolder: options.modelsFolder === undefined ? null : resolve(options.modelsFolder, OWN_FILE),
  };
  return { catalogue: byName(await pinned(models, options, problems), unavailable, origin), problems };
}

/**
 * The catalogue in which commands, activities and the pool look models up. Throws PanicError `InvalidInput` with
 * every problem of users' files.
 */
export async function loadCatalogue(options: CatalogueOptions = {}): Promise<Catalogue> {
  const { catalogue, problems } = await readCatalogue(options);
  if (problems.length > 0) throw new PanicError('InvalidInput', problems.join('\n'));
  return catalogue;
}

function ownFiles({ catalogueFile, modelsFolder }: CatalogueOptions, problems: string[]): string[] {
  const named = catalogueFile === undefined ? [] : [catalogueFile];
  if (modelsFolder === undefined) return named;
  const inFolder = join(modelsFolder, OWN_FILE);
  try {
    return inFolder !== catalogueFile && isThere(inFolder) ? [...named, inFolder] : named;
  } catch (error) {
    problems.push(errorMessage(error));
    return named;
  }
}

async function pinned(
  models: readonly Model[],
  { modelsFolder }: CatalogueOptions,
  problems: string[],
): Promise<readonly Model[]> {
  if (modelsFolder === undefined) return models;
  try {
    if (!isThere(lockFileIn(modelsFolder))) return models;
    const { readLock } = await import('./files/lock-file.js');
    const lock = readLock(modelsFolder);
    return models.map((model) => pinnedModel(model, lock));
  } catch (error) {
    problems.push(errorMessage(error));
    return models;
  }
}
