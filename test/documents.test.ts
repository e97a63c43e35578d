import { expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { ATTEMPT_FAILURES } from '../activities/failure-kinds.js';
import { BAR_STATISTICS, DIAGRAM_COUNTS } from '../experiment/statistics.js';
import { faultyModels } from '../models/test-models/faulty.js';
import { environmentVariables } from '../workers/settings/variables.js';
import {
  anchorsOf,
  documentPages,
  filesBelow,
  type Link,
  linksOf,
  type Page,
  prose,
  readPage,
} from './support/pages.js';
import { HIDING_WORDS } from './support/hiding-words.js';

const root = join(import.meta.dirname, '..');
const documents = documentPages();
const {
  withStatistics,
}: {
  withStatistics: (page: string, ofDiagrams: typeof DIAGRAM_COUNTS, ofBars: typeof BAR_STATISTICS) => string;
} = await import(join(root, 'scripts/statistics-page.mjs'));
const { withVariables }: { withVariables: (page: string, variables: typeof environmentVariables) => string } =
  await import(join(root, 'scripts/settings-page.mjs'));

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

test('README has a row for each field of an experiment, and no other row', () => {
  const { properties }: { properties: object } = JSON.parse(read('experiment/experiment.schema.json'));
  const [, table = ''] = /^\| field .*\n\|[ -|]+\n((?:\|.*\n)+)/m.exec(read('README.md')) ?? [];
  const rows = [...table.matchAll(/^\| `([$\w]+)`/gm)].map(([, name]) => name);
  expect(new Set(rows)).toEqual(new Set(Object.keys(properties)));
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

test('the table of docs/settings.md is what scripts/write-settings-page.mjs makes of the variables', () => {
  const page = read('docs/settings.md');
  for (const { name } of environmentVariables) expect(page).toContain(`| \`${name}\` `);
  expect(page).toBe(withVariables(page, environmentVariables));
});

test('the table of docs/topology.md is what scripts/write-statistics-page.mjs makes of the descriptions', () => {
  const page = read('docs/topology.md');
  for (const { column } of Object.values(BAR_STATISTICS)) expect(page).toContain(`| \`${column}\` `);
  expect(page).toBe(withStatistics(page, DIAGRAM_COUNTS, BAR_STATISTICS));
});

/** The reason why a link leads to no place of a page and to no file; null if it leads there. */
function brokenBecause({ to, anchor }: Link): string | null {
  if (!existsSync(join(root, to))) return 'there is no such file';
  if (anchor === '') return null;
  return anchorsOf(readPage(to)).includes(anchor) ? null : 'there is no such heading';
}

test('each link of README, ARCHITECTURE and docs/ leads to a file or a heading', () => {
  const links = documents.flatMap(linksOf);
  expect(links.length).toBeGreaterThan(100);
  const broken = links.flatMap((link) => {
    const why = brokenBecause(link);
    return why === null ? [] : [`${link.from} -> ${link.to}#${link.anchor}: ${why}`];
  });
  expect(broken).toEqual([]);
});

test('a link to a missing file or heading would be found', () => {
  const page: Page = {
    file: 'docs/x.md',
    text: 'See [a](none.md), [b](models.md#none), [c](#none) and `[d](e)`.',
  };
  expect(linksOf({ ...page, text: '[a](../README.md)' })).toEqual([
    { from: 'docs/x.md', to: 'README.md', anchor: '' },
  ]);
  expect(linksOf(page).slice(0, 2).map(brokenBecause)).toEqual([
    'there is no such file',
    'there is no such heading',
  ]);
  expect(brokenBecause({ from: 'docs/x.md', to: 'docs/models.md', anchor: 'getting-files' })).toBeNull();
});

test('each link of a document that is in the package leads to a file that is in the package', () => {
  const { files }: { files: string[] } = JSON.parse(read('package.json'));
  const always = ['README.md', 'LICENSE', 'package.json'];
  const shipped = [...files.filter((file) => !file.startsWith('!')), ...always];
  const isShipped = (path: string): boolean =>
    shipped.some((one) => path === one || path.startsWith(`${one}/`)) && !files.includes(`!${path}`);
  for (const { file } of documents)
    expect({ file, shipped: isShipped(file) }).toEqual({ file, shipped: true });
  const outside = documents.flatMap(linksOf).filter(({ to }) => !isShipped(to));
  expect(outside).toEqual([]);
});

test('docs/README.md is an index of docs/, and ARCHITECTURE.md of docs/internals/', () => {
  for (const [index, folder] of [
    ['docs/README.md', 'docs'],
    ['ARCHITECTURE.md', 'docs/internals'],
  ] as const) {
    const pages = documents
      .map(({ file }) => file)
      .filter((file) => posix.dirname(file) === folder && file !== index);
    const linked = new Set(linksOf(readPage(index)).map(({ to }) => to));
    expect({ index, missing: pages.filter((file) => !linked.has(file)) }).toEqual({ index, missing: [] });
  }
});

test.each([{ file: 'README.md', lines: 200, columns: 210 }])(
  '$file has at most $lines lines of at most $columns columns',
  ({ file, lines, columns }) => {
    const all = read(file).trimEnd().split('\n');
    expect(all.length).toBeLessThanOrEqual(lines);
    expect(all.filter((line) => line.length > columns)).toEqual([]);
  },
);

// Sentences with these words hide who acts: a worker, a caller, a user, a row.
const HIDDEN_ACTORS = new RegExp(
  `\\b(?:${HIDING_WORDS.map(([word]) => word).join('|')}|(?:are|was|were) told)\\b`,
  'i',
);

test('each page names who acts', () => {
  const pages = filesBelow('.').filter((file) => file.endsWith('.md'));
  expect(pages).toContain('README.md');
  const lines = pages.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, index) => (HIDDEN_ACTORS.test(line) ? [`${file}:${index + 1}: ${line}`] : [])),
  );
  expect(lines).toEqual([]);
  const hidden = [...HIDING_WORDS.map(([word]) => word), 'were told'];
  expect(hidden.filter((word) => !HIDDEN_ACTORS.test(`A text with ${word.toUpperCase()} in it`))).toEqual([]);
});

test('docs/models.md names each model of the catalogue', () => {
  const { models }: { models: readonly { name: string }[] } = JSON.parse(read('models/catalogue.json'));
  const page = read('docs/models.md');
  expect(models.map(({ name }) => name).filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

test('docs/internals/workflows.md says of each kind of failure whether it is retried', () => {
  const rows = [...read('docs/internals/workflows.md').matchAll(/^\| `(\w+)` +\|[^|]*\| (no|yes|until)\b/gm)];
  const retried = { never: 'no', always: 'yes', few: 'until' } as const;
  expect(Object.fromEntries(rows.map(([, kind, word]) => [kind, word]))).toEqual(
    Object.fromEntries(
      Object.entries(ATTEMPT_FAILURES).map(([kind, facts]) => [kind, retried[facts.retried]]),
    ),
  );
});

test('each source file and folder that a document names is there', () => {
  const files = filesBelow('.');
  const rooms = readdirSync(root, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
  );
  const isThere = (name: string): boolean => {
    const [first = ''] = name.split('/');
    if (rooms.includes(first) && name.includes('/')) return existsSync(join(root, name));
    return files.some((file) => file === name || file.endsWith(`/${name}`));
  };
  const named = documents.flatMap((page) =>
    [...prose(page).matchAll(/`([\w.-]+(?:\/[\w.-]+)*(?:\/|\.(?:ts|mjs|go|c|py)))`/g)].map(([, name]) => ({
      file: page.file,
      name: name!,
    })),
  );
  const sources = named
    .filter(({ name }) => !name.endsWith('/') || rooms.includes(name.split('/')[0]!))
    // Words that stand for a value that a maintainer chooses.
    .filter(({ name }) => !/NAME|VERSION/.test(name));
  expect(sources.length).toBeGreaterThan(50);
  expect(sources.filter(({ name }) => !isThere(name))).toEqual([]);
});

test('each message in docs/troubleshooting.md is a message of the program', () => {
  const rooms = ['activities', 'cli', 'common', 'db', 'experiment', 'models', 'workers', 'workflows'];
  const sources = rooms
    .filter((room) => existsSync(join(root, room)))
    .flatMap(filesBelow)
    .filter((file) => file.endsWith('.ts'))
    .map(read)
    .join('\n');
  const messages = [...read('docs/troubleshooting.md').matchAll(/^\| `([^`]+)` +\|/gm)].map(
    ([, message]) => message!,
  );
  expect(messages.length).toBeGreaterThan(10);
  const parts = messages.flatMap((message) => message.split('…').map((part) => part.trim()));
  expect(parts.filter((part) => !sources.includes(part))).toEqual([]);
});
