import type { ExperimentRow, Store } from '../db/index.js';
import { type ExperimentConfig, modelNames } from '../experiment/config.js';
import type { Catalogue, Model } from '../experiment/model.js';
import { unknownModels } from '../experiment/unknown-models.js';
import { isNeural, servedModels, type UnreadyModel, unreadyModels } from '../models/index.js';

/**
 * The models that the remaining work of an experiment calls, by the trouble that this machine has or may have
 * with them.
 */
export interface MissingModels {
  /** Names that the catalogue lacks. */
  readonly unknown: readonly string[];
  readonly unready: readonly UnreadyModel[];
  /** Models that servers compute. The caller asks whether those servers answer (`askServers`). */
  readonly served: readonly Model[];
  /** Models whose files are present. The caller asks whether those files fit (`unfitModels`). */
  readonly withFiles: readonly Model[];
}

/**
 * Finds the models that keep an experiment from continuing. For an experiment that is not stored yet, these are
 * all its unknown or unready models. For a stored one, these are those that its unfinished runs still call. A
 * diagram whose vectors are all stored calls no model.
 */
export async function missingModels(
  { config, row, store }: { config: ExperimentConfig; row: ExperimentRow | null; store: Store | null },
  machine: { readonly catalogue: Catalogue; readonly modelsFolder: string | null },
  /** Which failed runs count as unfinished. */
  failed: number | 'all' | 'none' = 'none',
): Promise<MissingModels> {
  const { catalogue, modelsFolder } = machine;
  const unknown = unknownModels(config, catalogue);
  const unready = modelsFolder === null ? [] : unreadyModels(config, catalogue, modelsFolder);
  const served = servedModels(config, catalogue);
  const notReady = new Set(unready.map(({ model }) => model));
  const withFiles =
    modelsFolder === null
      ? []
      : modelNames(config)
          .flatMap((name) => catalogue.get(name) ?? [])
          .filter((model) => isNeural(model) && !notReady.has(model));
  const names = new Set([...unknown, ...[...notReady, ...served, ...withFiles].map(({ name }) => name)]);
  if (row === null || store === null || names.size === 0) return { unknown, unready, served, withFiles };
  const among = (list: readonly string[]): string[] => [...new Set(list)].filter((name) => names.has(name));
  const asked = { generative: among(config.networks.flat()), embedding: among(config.embedding_models) };
  const called = new Set(await store.runs.stillCalled(row.id, asked, failed));
  return {
    unknown: unknown.filter((name) => called.has(name)),
    unready: unready.filter(({ model }) => called.has(model.name)),
    served: served.filter(({ name }) => called.has(name)),
    withFiles: withFiles.filter(({ name }) => called.has(name)),
  };
}
