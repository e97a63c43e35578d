import { OBJECT_MODALITIES } from '../../experiment/modality.js';

/** SQL: whether the artifact of a row is an object beside the database. `table` is the name of `artifacts` in the statement. */
export function hasObject(table = 'artifacts'): string {
  return `${table}.modality in (${OBJECT_MODALITIES.map((modality) => `'${modality}'`).join(', ')})`;
}
