import type { ExperimentRow, Store } from '../db/index.js';
import { type ExperimentConfig, modelNames } from '../experiment/config.js';
import type { Catalogue, Model } from '../experiment/model.js';
import { unknownModels } from '../experiment/unknown-models.js';
import { isNeural, servedModels, type UnreadyModel, unreadyModels } from '../models/index.js';

/** What an experiment still calls and cannot have here. */
export interface MissingModels {
  /** Names that the catalogue has not. */
  readonly unknown: readonly string[];
  readonly unready: readonly UnreadyModel[];
  /** Models that it calls and that servers compute: whether those answer is for the caller to ask (`askServers`). */
  readonly served: readonly Model[];
  /** Models that it calls and whose files are there: whether those fit is for the caller to ask (`unfitModels`). */
  readonly withFiles: readonly Model[];
}

/**
 * The models that keep an experiment from going on: of one that is not stored yet all that are unknown or unready, of one that is
 * stored those that its unfinished runs still call. A diagram whose vectors are all there calls none.
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
