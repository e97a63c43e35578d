import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { experimentJsonSchema, readExperimentFile } from '../../experiment/index.js';
import { catalogue } from '../../models/catalogue.js';

const schemaText = readFileSync('experiment/experiment.schema.json', 'utf8');

test('the JSON Schema in the repository is the one that the zod schema gives (else: node scripts/write-schema.mjs)', () => {
  expect(schemaText).toBe(`${JSON.stringify(experimentJsonSchema(), null, 2)}\n`);
});

test('every field of the JSON Schema has a description for editors', () => {
  const { properties }: { properties: Record<string, { description?: string }> } = JSON.parse(schemaText);
  const undescribed = Object.entries(properties).filter(([, field]) => !field.description);
  expect(undescribed).toEqual([]);
});

test('each example has every field that the JSON Schema requires, and no unknown field', () => {
  const { properties, required }: { properties: object; required: string[] } = JSON.parse(schemaText);
  for (const name of readdirSync('examples').filter((file) => file.endsWith('.json'))) {
    const example: object = JSON.parse(readFileSync(`examples/${name}`, 'utf8'));
    const fields = Object.keys(example);
    expect(fields).toEqual(expect.arrayContaining(required));
    expect(Object.keys(properties)).toEqual(expect.arrayContaining(fields));
  }
});

test("a file in the Python system's form is valid with the models that it names", async () => {
  expect(await readExperimentFile('examples/python-system.json', catalogue)).toMatchObject({ ok: true });
});
