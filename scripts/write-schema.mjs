// Writes the JSON Schemas from the zod schemas. Run it after a build: node scripts/write-schema.mjs
import { writeFileSync } from 'node:fs';
import { experimentJsonSchema } from '../dist/experiment/schema.js';
import { catalogueJsonSchema } from '../dist/models/catalogue-schema.js';

const schemas = {
  '../experiment/experiment.schema.json': experimentJsonSchema(),
  '../models/catalogue.schema.json': catalogueJsonSchema(),
};
for (const [file, schema] of Object.entries(schemas)) {
  writeFileSync(new URL(file, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);
}
