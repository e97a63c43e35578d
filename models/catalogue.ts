import { readFileSync } from 'node:fs';
import type { Catalogue, Model } from '../experiment/model.js';
import { parseCatalogueFile } from './catalogue-schema.js';
import { faultyModels } from './faulty.js';

const models = parseCatalogueFile(
  JSON.parse(readFileSync(new URL('./catalogue.json', import.meta.url), 'utf8')),
);

function byName(entries: readonly Model[]): Catalogue {
  return new Map(entries.map((model) => [model.name, model]));
}

/** Every model that panic-tda knows, in the order in which they are listed. */
export const catalogue: Catalogue = byName(models);

export interface CatalogueOptions {
  /** Adds the models that misbehave on purpose (blank captions, crashes, slowness). */
  readonly testModels?: boolean;
}

/** The catalogue that commands, activities and the pool look models up in. */
export function loadCatalogue(options: CatalogueOptions = {}): Catalogue {
  return options.testModels === true ? byName([...models, ...faultyModels]) : catalogue;
}
