import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { validateExperiment } from '../../experiment/index.js';
import { catalogueJsonSchema } from '../../models/catalogue-schema.js';
import { catalogue, loadCatalogue, readCatalogue } from '../../models/index.js';
import { writeEntry } from '../../models/files/lock-file.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const taesd = { source: 'hub:me/taesd', revision: 'main', folder: 'taesd', files: ['model.onnx'] };
const entry = {
  name: 'MyEmbedder',
  kind: 'embedding',
  summary: 'An embedder of my own.',
  loader: 'text-embedder',
  source: 'folder:weights/mine',
  revision: '1',
  license: 'CC0',
  input: 'text',
  dimension: 384,
  settings: {
    file: 'model.onnx',
    dtype: 'fp32',
    output: 'last_hidden_state',
    max_tokens: 256,
    pooling: 'mean',
    normalize: true,
  },
  weights: {
    files: ['tokenizer.json', { path: 'model.onnx', sha256: 'a'.repeat(64), bytes: 12 }],
    memory_mib: 100,
  },
};

function written(content: unknown): string {
  const file = join(temporaryFolder(), 'catalogue.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

async function problemsOf(content: unknown): Promise<string[]> {
  const { problems } = await readCatalogue({ catalogueFile: written(content) });
  return problems.flatMap((text) =>
    text
      .split('\n')
      .slice(1)
      .map((line) => line.trim()),
  );
}

describe("a user's own catalogue", () => {
  test('adds its entries, and a local folder is relative to the file', async () => {
    const file = written({ $schema: 'x', models: [entry] });
    const mine = (await loadCatalogue({ catalogueFile: file })).get('MyEmbedder');
    expect(mine).toMatchObject({
      source: `folder:${join(file, '../weights/mine')}`,
      weights: {
        files: ['tokenizer.json', 'model.onnx'],
        known: { 'model.onnx': { sha256: 'a'.repeat(64), bytes: 12 } },
        memoryMiB: 100,
        maxBatch: 1,
      },
    });
  });

  test('holds no text that cannot be stored, and no invisible text where a text is needed', async () => {
    const served = {
      name: 'Served',
      kind: 'generative',
      summary: 'Served.',
      loader: 'server',
      revision: '1',
      license: 'MIT',
      source: 'server:http://127.0.0.1:8000/v1',
      input: 'image',
      output: 'text',
      deterministic: false,
      settings: { api: 'chat', model: 'm', prompt: 'Describe.', max_tokens: 40 },
    };
    const withSettings = (settings: object) => ({
      models: [{ ...served, settings: { ...served.settings, ...settings } }],
    });
    expect(await problemsOf({ models: [served] })).toEqual([]);
    expect(await problemsOf(withSettings({ prompt: 'half \ud83d' }))).toEqual([
      'models[0].settings.prompt: found half of a surrogate pair in "half \\ud83d"; allowed: well-formed Unicode text',
    ]);
    expect(await problemsOf(withSettings({ model: 'a\0b' }))).toEqual([
      'models[0].settings.model: found a NUL character in "a\\u0000b"; allowed: text without NUL',
    ]);
    expect(await problemsOf(withSettings({ prompt: '\u200b' }))).toEqual([
      'models[0].settings.prompt: found "\\u200b"; allowed: text with a visible character',
    ]);
    expect(await problemsOf({ models: [{ ...served, summary: ' \u3164' }] })).toEqual([
      'models[0].summary: found " \\u3164"; allowed: text with a visible character',
    ]);
    expect(await problemsOf(withSettings({ finished_as: 'length' }))).toEqual([
      'models[0].settings.finished_as: found "length"; allowed: another word than length and content_filter, which say that an answer is not whole',
    ]);
    expect(await problemsOf(withSettings({ thinking: 'keep' }))).toEqual([
      'models[0].settings.thinking: found "keep"; allowed: "refuse" or "remove"',
    ]);
  });

  test('may lie in the models folder', async () => {
    const modelsFolder = temporaryFolder();
    writeFileSync(join(modelsFolder, 'catalogue.json'), JSON.stringify({ models: [entry] }));
    expect((await loadCatalogue({ modelsFolder })).has('MyEmbedder')).toBe(true);
    expect(
      (await loadCatalogue({ modelsFolder, catalogueFile: written({ models: [{ ...entry, name: 'B' }] }) }))
        .size,
    ).toBe(catalogue.size + 2);
  });

  test('cannot use a name again: neither one of the program, nor one of its own, nor one of the other file', async () => {
    expect(await problemsOf({ models: [{ ...entry, name: 'Dummy' }, entry, entry] })).toEqual([
      `models[0].name: found "Dummy", a name that the program's catalogue has; allowed: a name of its own`,
      'models[2].name: found "MyEmbedder", a name that models[1] has; allowed: a name of its own',
    ]);
    const modelsFolder = temporaryFolder();
    writeFileSync(join(modelsFolder, 'catalogue.json'), JSON.stringify({ models: [entry] }));
    const catalogueFile = written({ models: [entry] });
    const { problems } = await readCatalogue({ modelsFolder, catalogueFile });
    expect(problems.join()).toContain(`"MyEmbedder", a name that ${catalogueFile} has`);
  });

  test('gets all of its problems reported, as an experiment does', async () => {
    const wrong = {
      ...entry,
      dimension: 'many',
      revison: '1',
      settings: { ...entry.settings, pooling: 'median', max_tokens: 0 },
      weights: { files: ['../elsewhere', { path: 'a', sha256: 'abc' }], memory_mib: 1.5 },
    };
    const { license: _, ...unlicensed } = entry;
    const told = (await problemsOf({ models: [wrong, { ...unlicensed, loader: 'text-embeder' }] })).sort();
    expect(told).toEqual([
      expect.stringMatching(/^models\[0\]\.dimension: found "many"; allowed: a (whole )?number$/),
      'models[0].revison: found an unknown field; allowed: did you mean "revision"?',
      'models[0].settings.max_tokens: found 0; allowed: number to be >0',
      expect.stringMatching(/^models\[0\]\.settings\.pooling: found "median"; allowed: "mean"/),
      'models[0].weights.files[0]: found "../elsewhere"; allowed: a path within the repository, such as onnx/model.onnx; this one has the name "..", which leads elsewhere',
      'models[0].weights.files[1].sha256: found "abc"; allowed: 64 hexadecimal digits',
      'models[0].weights.memory_mib: found 1.5; allowed: a whole number',
      'models[1].license: found nothing; allowed: text in quotes',
      expect.stringMatching(/^models\[1\]\.loader: found "text-embeder"; allowed: .*"text-embedder"/),
    ]);
  });

  test.each([
    [
      { ...entry, weights: { ...entry.weights, components: [taesd] } },
      'models[0].weights.components: found parts of other repositories; allowed: none for a model of a local folder; put the files there',
    ],
    [
      { ...entry, source: 'hub:me/mine', weights: { ...entry.weights, components: [taesd, taesd] } },
      'models[0].weights.files: found "taesd/model.onnx" twice; allowed: each file once',
    ],
    [
      {
        ...entry,
        source: 'hub:me/mine',
        weights: { ...entry.weights, components: [{ ...taesd, source: 'folder:x', folder: '../up' }] },
      },
      'models[0].weights.components[0].source: found "folder:x"; allowed: hub:owner/name',
    ],
  ])('has parts of other repositories only in a form that can be pulled (%#)', async (wrong, told) => {
    expect(await problemsOf({ models: [wrong] })).toContain(told);
  });

  test.each([
    ['{ "models": [ }', /line 1, column 15: found "}"/],
    ['', /a catalogue in JSON/],
    [[], /the catalogue: found an empty list; allowed: an object/],
    [{ models: [5] }, /models\[0\]: found 5; allowed: an object/],
    [
      { models: [{ ...entry, loader: 'built-in', source: 'built-in', settings: {}, weights: null }] },
      /built-in models are part of the program/,
    ],
  ])('%j is refused', async (content, told) => {
    expect((await problemsOf(content)).join('\n')).toMatch(told);
  });

  test('that does not exist is refused', async () => {
    await expect(loadCatalogue({ catalogueFile: '/does/not/exist.json' })).rejects.toThrow(
      /no file of that name/,
    );
  });
});

test('a revision that is a name becomes the commit that the lock file pinned', async () => {
  const modelsFolder = temporaryFolder();
  const source = 'hub:me/mine';
  const catalogueFile = written({ models: [{ ...entry, source, revision: 'main' }] });
  const revision = async (): Promise<string> =>
    (await loadCatalogue({ modelsFolder, catalogueFile })).get('MyEmbedder')!.revision;
  expect(await revision()).toBe('main');
  mkdirSync(modelsFolder, { recursive: true });
  const commit = 'd'.repeat(40);
  const files = [
    { path: 'a', bytes: 1, sha256: 'a'.repeat(64), mtimeMs: 1, verifiedAt: new Date(0).toISOString() },
  ];
  const locked = { source, revision: 'main', commit, folder: 'x', origin: 'pulled' as const, files };
  await writeEntry(modelsFolder, 'MyEmbedder', locked);
  expect(await revision()).toBe(commit);
  await writeEntry(modelsFolder, 'MyEmbedder', { ...locked, source: 'hub:me/other' });
  expect(await revision()).toBe('main');
});

test("the program's models name files that they have, each once, and parts of hubs", () => {
  const tiny = [...catalogue.values()].filter(({ settings }) => settings['vae'] !== undefined);
  expect(tiny.map(({ name }) => name)).toEqual(['SDTurboTiny', 'SDXLTurboTiny', 'LCMTiny']);
  for (const { settings, weights } of tiny) expect(weights?.files).toContain(settings['vae']);
  for (const { source, weights } of catalogue.values()) {
    const files = weights?.files ?? [];
    expect(new Set(files).size).toBe(files.length);
    if (weights?.components !== undefined) expect(source).toMatch(/^hub:/);
  }
});

describe('a model that cannot be run', () => {
  test('has an explanation where an experiment names it', () => {
    const validation = validateExperiment(
      {
        networks: [['DummyT2I', 'BLIP2']],
        prompts: ['a'],
        seeds: [1],
        embedding_models: ['Dummy'],
        max_length: 4,
      },
      catalogue,
    );
    const told = validation.ok ? '' : validation.problems.map(({ message }) => message).join('\n');
    expect(told).toMatch(
      /networks\[0\]\[1\]: found "BLIP2", which this program cannot run: .*; allowed: Florence2/,
    );
    expect(told).not.toMatch(/unknown model/);
  });

  test('has a name that no model has', () => {
    for (const name of catalogue.unavailable!.keys()) expect(catalogue.has(name)).toBe(false);
  });
});

test('the JSON Schema in the repository is the one of the zod schema (to write it: node scripts/write-schema.mjs)', () => {
  const text = readFileSync('models/catalogue.schema.json', 'utf8');
  expect(text).toBe(`${JSON.stringify(catalogueJsonSchema(), null, 2)}\n`);
});
