import { z } from 'zod';

/**
 * Reads a JSON text and checks its form. Throws if the text is not JSON, or if the value does not fit the schema. An
 * object keeps only the fields of its schema, except with `z.looseObject`.
 */
export function readJson<Schema extends z.ZodType>(text: string, schema: Schema): z.output<Schema> {
  return schema.parse(JSON.parse(text));
}

const OF_EXPERIMENT = z.object({ experiment: z.string() });

/** The id of the experiment that a JSON document of a command is about. */
export function experimentIn(document: string): string {
  return readJson(document, OF_EXPERIMENT).experiment;
}
