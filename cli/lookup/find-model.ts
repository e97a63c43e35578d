import { PanicError } from '../../common/errors.js';
import type { Model } from '../../experiment/model.js';
import { nearest } from '../../common/nearest.js';
import { catalogueText } from '../../experiment/unknown-models.js';
import type { Context } from '../context.js';

/**
 * The model of this name.
 * @throws PanicError `InvalidInput` if the catalogue has none. The message suggests a name, or says why there
 * is no such model.
 */
export function findModel({ catalogue, command }: Context, name: string): Model {
  const model = catalogue.get(name);
  if (model !== undefined) return model;
  const unavailable = catalogue.unavailable?.get(name);
  if (unavailable !== undefined) {
    throw new PanicError(
      'InvalidInput',
      `${name} cannot be run: ${unavailable.missing}. Instead: ${unavailable.instead}`,
    );
  }
  const meant = nearest(name, catalogue.keys());
  const hint =
    meant === null ? `"${command('models', 'list')}" lists those there are.` : `did you mean ${meant}?`;
  throw new PanicError(
    'InvalidInput',
    `no model "${name}" in the catalogue; ${hint} ${catalogueText(catalogue)}`,
  );
}
