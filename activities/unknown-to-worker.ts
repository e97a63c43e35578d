import { hostname } from 'node:os';
import { PanicError } from '../common/errors.js';
import { modelOfKind } from '../experiment/model.js';
import type { Catalogue, Model } from '../experiment/model.js';
import type { MadeWith } from '../experiment/made-with.js';
import { catalogueText, explainUnknown } from '../experiment/unknown-models.js';

/** That this worker's catalogue has not these models, and which catalogue that is. */
export function unknownToWorker(
  catalogue: Catalogue,
  names: readonly string[],
  stored: readonly MadeWith[] | null = null,
): PanicError {
  return new PanicError(
    'InvalidInput',
    `worker on ${hostname()}: ${explainUnknown(names, catalogue, stored)}`,
  );
}

/**
 * The model of this name, which an experiment uses as one of this kind.
 * @throws PanicError InvalidInput where this worker's catalogue has none, or one of another kind.
 */
export function usableModel<Kind extends Model['kind']>(catalogue: Catalogue, name: string, kind: Kind) {
  const model = modelOfKind(catalogue, name, kind);
  if (model === null) throw unusableModel(catalogue, name, kind);
  return model;
}

/** Why this worker cannot call a model by this name as one of this kind. */
function unusableModel(catalogue: Catalogue, name: string, kind: Model['kind']): PanicError {
  const model = catalogue.get(name);
  if (model === undefined) return unknownToWorker(catalogue, [name]);
  return new PanicError(
    'InvalidInput',
    `worker on ${hostname()}: ${name} is of kind ${model.kind}, and the experiment wants one of kind ${kind}. ${catalogueText(catalogue)}`,
  );
}
