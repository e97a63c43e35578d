// Writes experiment/experiment.schema.json from the zod schema. Run after a build: node scripts/write-schema.mjs
import { writeFileSync } from 'node:fs';
import { experimentJsonSchema } from '../dist/experiment/schema.js';

const target = new URL('../experiment/experiment.schema.json', import.meta.url);
writeFileSync(target, `${JSON.stringify(experimentJsonSchema(), null, 2)}\n`);
