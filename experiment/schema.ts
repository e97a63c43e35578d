import * as z from 'zod';
import { recordOf } from '../common/records.js';
import { allowedIn, defaultOf, FIELD_NAMES, FIELDS, nullModelForm } from './fields.js';
import type { FieldName } from './fields.js';

type FormOf<Name extends FieldName> = ReturnType<(typeof FIELDS)[Name]['form']>;

type Shape = {
  [Name in FieldName]: (typeof FIELDS)[Name] extends { readonly default: unknown }
    ? z.ZodDefault<FormOf<Name>>
    : FormOf<Name>;
};

function forms(): Shape;
// The overload states what a loop does not: each field has the form that its description makes.
function forms(): object {
  return recordOf(FIELD_NAMES, formOf);
}

function formOf(name: FieldName): z.ZodType {
  const { form, sentence } = FIELDS[name];
  const made: z.ZodType = form(z);
  const value = defaultOf(name);
  return (value === undefined ? made : made.default(value)).describe(sentence);
}

/**
 * The form of an experiment file, field by field: the part that an editor can check. `validate.ts` has the
 * checks that need the catalogue or several fields at once (models that exist and connect, duplicates,
 * `seeds` or `seed_count`).
 */
export const experimentSchema = z.object(forms());

/** The allowed values at a place of the file, in words. */
export function allowedAt(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'an object { } with the fields of an experiment';
  const [field, ...places] = path;
  const place = places
    .map((segment) => (typeof segment === 'number' ? '[]' : `.${String(segment)}`))
    .join('');
  return allowedIn(String(field), place) ?? 'another value';
}

export const NULL_MODEL_FIELD_NAMES: readonly string[] = Object.keys(nullModelForm(z).shape);

/** The JSON Schema (draft 2020-12) of an experiment file; `scripts/write-schema.mjs` writes it next to this file. */
export function experimentJsonSchema(): Record<string, unknown> {
  const strict = experimentSchema.strict().meta({
    title: 'panic-tda experiment',
    description: 'Networks of generative models in feedback loops, and the topology of their trajectories.',
    oneOf: [{ required: ['seeds'] }, { required: ['seed_count'] }],
  });
  return z.toJSONSchema(strict, { io: 'input' });
}
