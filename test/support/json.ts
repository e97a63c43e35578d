import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { OfExperiment } from './documents.js';

/**
 * Reads a JSON text and checks its form. Throws if the text is not JSON, or if the value does not fit the schema. An
 * object keeps only the fields of its schema, except with `z.looseObject`.
 */
export function readJson<Schema extends z.ZodType>(text: string, schema: Schema): z.output<Schema> {
  return schema.parse(JSON.parse(text));
}

/** Reads a JSON file as `readJson` reads a text. */
export function readJsonFile<Schema extends z.ZodType>(file: string | URL, schema: Schema): z.output<Schema> {
  return readJson(readFileSync(file, 'utf8'), schema);
}

/** The id of the experiment that a JSON document of a command is about. */
export function experimentIn(document: string): string {
  return readJson(document, OfExperiment).experiment;
}
