import { expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { faultyModels } from '../models/test-models/faulty.js';

const root = join(import.meta.dirname, '..');
const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs')).filter((file) => file.endsWith('.md')),
].map((file) => ({ file, text: read(file === 'README.md' ? file : join('docs', file)) }));

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** The blocks of a document that its fences call JSON. */
function jsonBlocks(text: string): string[] {
  return [...text.matchAll(/^```json\n(.*?)^```$/gms)].map(([, block]) => block!);
}

test('the experiment that README shows is the example that it names, letter by letter', () => {
  const [shown] = jsonBlocks(read('README.md'));
  expect(shown).toBe(read('examples/first-experiment.json'));
  expect(read('README.md')).toContain('This is `examples/first-experiment.json`.');
});

test('whole experiments in documents are files of examples/', () => {
  const examples = readdirSync(join(root, 'examples')).map((file) => read(join('examples', file)));
  const shown = documents
    .flatMap(({ text }) => jsonBlocks(text))
    .filter((block) => /^  "networks":/m.test(block));
  expect(shown).not.toHaveLength(0);
  for (const block of shown) expect(examples).toContain(block);
});

test('each model that misbehaves on purpose has a row in docs/models.md, with the seeds that its summary names', () => {
  const rows = read('docs/models.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  for (const { name, summary } of faultyModels) {
    const row = rows.find((line) => line.startsWith(`| \`${name}\``));
    expect({ name, row }).toMatchObject({ row: expect.any(String) });
    for (const seed of summary.match(/\b\d*13\b/g) ?? []) expect(row).toContain(seed);
  }
});
