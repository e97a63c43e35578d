import { knownMigrations, schemaAfter } from '../versions/own-schema.js';
import type { SchemaObject } from '../versions/own-schema.js';

/** A trigger or an index that the migrations of this version make. */
type OwnRule = SchemaObject & { readonly sql: string };

export function ownRules(): OwnRule[] {
  return schemaAfter(knownMigrations()).filter(
    (object): object is OwnRule => object.sql !== null && isRule(object),
  );
}

function isRule({ type }: SchemaObject): boolean {
  return type === 'trigger' || type === 'index';
}
