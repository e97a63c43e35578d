import type { EmbeddingModel, GenerativeModel } from '../../experiment/model.js';
import { catalogue } from '../../models/index.js';

/** A generative model of the program's catalogue. Throws for any other name. */
export function generativeModel(name: string): GenerativeModel {
  const model = catalogue.get(name);
  if (model?.kind !== 'generative') throw new Error(`${name} is no generative model of the catalogue`);
  return model;
}

/** An embedding model of the program's catalogue. Throws for any other name. */
export function embeddingModel(name: string): EmbeddingModel {
  const model = catalogue.get(name);
  if (model?.kind !== 'embedding') throw new Error(`${name} is no embedding model of the catalogue`);
  return model;
}
