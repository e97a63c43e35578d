// node scripts/compile-catalogue.mjs <compiled models/>
//
// Checks the program's own catalogue, and writes it in the form that the code uses. So a command that starts
// does not need the library of schemas for it. Users' own files are checked when they are read.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

const [room] = process.argv.slice(2);
if (room === undefined) throw new Error('usage: compile-catalogue.mjs <compiled models/>');
const { catalogueFileSchema } = await import(pathToFileURL(join(resolve(room), 'catalogue-schema.js')).href);
const file = join(room, 'catalogue.json');
const { models, unavailable } = catalogueFileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
const text = JSON.stringify({ models, unavailable });
if (!isDeepStrictEqual(JSON.parse(text), { models, unavailable })) {
  throw new Error('a schema of the catalogue makes values that JSON cannot hold');
}
writeFileSync(file, text);
