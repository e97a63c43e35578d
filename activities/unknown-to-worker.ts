import { hostname } from 'node:os';
import { PanicError } from '../common/errors.js';
import { modelOfKind } from '../experiment/model.js';
import type { Catalogue, Model } from '../experiment/model.js';
import type { MadeWith } from '../experiment/made-with.js';
import { catalogueText, explainUnknown } from '../experiment/unknown-models.js';

/** An error that names the models that this worker's catalogue lacks, and says which catalogue that is. */
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
 * Finds the model of this name and kind.
 * @throws PanicError `InvalidInput` if this worker's catalogue lacks the model, or has it with another kind.
 */
export function usableModel<Kind extends Model['kind']>(catalogue: Catalogue, name: string, kind: Kind) {
  const model = modelOfKind(catalogue, name, kind);
  if (model === null) throw unusableModel(catalogue, name, kind);
  return model;
}

/** The error that says why this worker cannot use a model of this name as this kind. */
function unusableModel(catalogue: Catalogue, name: string, kind: Model['kind']): PanicError {
  const model = catalogue.get(name);
  if (model === undefined) return unknownToWorker(catalogue, [name]);
  return new PanicError(
    'InvalidInput',
    `worker on ${hostname()}: ${name} is of kind ${model.kind}, and the experiment wants one of kind ${kind}. ${catalogueText(catalogue)}`,
  );
}
