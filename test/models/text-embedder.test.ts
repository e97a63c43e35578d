/** @jest-environment ./test/models/native-arrays-environment.mjs */
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ModelSettings } from '../../experiment/model.js';
import { filesIn } from '../../models/files/layout.js';
import { TOKENIZERS_VERSION } from '../../models/tokenizers/tokenizer.js';
import {
  apart,
  type Entry,
  failure,
  load,
  own,
  expectedText,
  rows,
  shared,
  sharedIsHere,
  vectorsOf,
} from './embedder-fixtures.js';
import { text } from './pictures.js';

const mean: ModelSettings = {
  file: 'model.onnx',
  dtype: 'fp32',
  max_tokens: 24,
  output: 'last_hidden_state',
  pooling: 'mean',
  normalize: true,
};

interface Expected {
  readonly texts: readonly string[];
  readonly cut_tokens: readonly number[];
  readonly dimension: number;
  readonly vectors: string;
}

const families: readonly [string, ModelSettings][] = [
  ['mpnet', mean],
  ['roberta', mean],
  ['qwen3', { ...mean, pooling: 'last' }],
  ['matryoshka', { ...mean, prefix: 'clustering: ', layer_norm: true, truncate_dimension: 12 }],
  [
    'two-towers',
    {
      ...mean,
      output: 'text_embeddings',
      pooling: 'none',
      prefix: 'Represent the query for retrieving evidence documents: ',
      truncate_dimension: 16,
      image_size: 32,
    },
  ],
];

function entryOf(name: string, settings: ModelSettings): Entry & { readonly expected: Expected } {
  const folder = join(own, name);
  const expected: Expected = JSON.parse(expectedText(folder));
  return { folder, input: 'text', dimension: expected.dimension, settings, expected };
}

describe.each(families)('a text embedder of the family %s', (name, settings) => {
  const entry = entryOf(name, settings);
  const { texts, vectors, dimension, cut_tokens: cutTokens } = entry.expected;

  test('gives the vectors of the Python libraries, even for a text that is cut', async () => {
    const embedder = await load(entry);
    const items = await embedder.embed(texts.map(text));
    const found = items.map((item) => item.vector);
    expect(apart(found, rows(vectors, dimension))).toBeLessThan(1e-5);
    expect(items.map((item) => item.cutTokens)).toEqual(cutTokens);
    expect(cutTokens.at(-1)).toBeGreaterThan(0);
    expect(embedder.fingerprint.tokenizers).toBe(TOKENIZERS_VERSION);
  });

  test('gives equal bytes alone and among 31 others', async () => {
    const embedder = await load(entry);
    const many = Array.from({ length: 32 }, (_, i) => text(texts[i % texts.length]!));
    const together = await vectorsOf(embedder, many);
    for (const [i, own] of many.slice(0, texts.length).entries()) {
      expect(await vectorsOf(embedder, [own])).toEqual([together[i]]);
      expect(together[i + texts.length]).toEqual(together[i]);
    }
  });
});

(sharedIsHere ? describe : describe.skip)(
  'tiny models of others (skipped where ../shared lacks them)',
  () => {
    test('BERT, with a text that is longer than the model reads', async () => {
      const folder = join(shared, 'bert-tiny');
      const {
        texts,
        dim,
        vectors_b64,
      }: {
        texts: string[];
        dim: number;
        vectors_b64: string;
      } = JSON.parse(expectedText(folder));
      const settings = { ...mean, file: 'onnx/model.onnx', max_tokens: 32 };
      const found = await vectorsOf(
        await load({ folder, input: 'text', dimension: dim, settings }),
        texts.map(text),
      );
      expect(apart(found, rows(vectors_b64, dim))).toBeLessThan(1e-5);
    });

    test("CLIP's text tower", async () => {
      const folder = join(shared, 'clip-tiny');
      const expected: {
        texts: string[];
        dim: number;
        text_vectors_b64: string;
      } = JSON.parse(expectedText(folder));
      const settings: ModelSettings = {
        ...mean,
        file: 'onnx/text_model.onnx',
        max_tokens: 77,
        output: 'text_embeds',
        pooling: 'none',
      };
      const embedder = await load({ folder, input: 'text', dimension: expected.dim, settings });
      const found = await vectorsOf(embedder, expected.texts.map(text));
      expect(apart(found, rows(expected.text_vectors_b64, expected.dim))).toBeLessThan(1e-5);
    });
  },
);

describe('a text embedder refuses', () => {
  const entry = entryOf('mpnet', mean);
  const change = (settings: ModelSettings): Entry => ({ ...entry, settings: { ...mean, ...settings } });

  test('a text without tokens', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'panic-tda-embedder-'));
    await cp(join(own, 'mpnet'), folder, { recursive: true });
    const path = join(folder, 'tokenizer.json');
    const tokenizer: object = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...tokenizer, post_processor: null }));
    const embedder = await load({ ...entry, folder });
    expect(await failure('InvalidInput', embedder.embed([text('a cat'), text(' ')]))).toContain(
      'without any tokens',
    );
    await rm(folder, { recursive: true });
  });

  test('an output that the graph does not have', async () => {
    expect(await failure('InvalidInput', load(change({ output: 'pooler_output' })))).toContain(
      'last_hidden_state',
    );
  });

  test('a pooling that does not fit the shape of the output', async () => {
    const embedder = await load(change({ pooling: 'none' }));
    expect(await failure('ModelOutputInvalid', embedder.embed([text('a cat')]))).toContain('pooling none');
  });

  test('a truncation that is not the dimension of the model', async () => {
    expect(await failure('InvalidInput', load(change({ truncate_dimension: 8 })))).toContain('truncate to 8');
  });

  test('a graph that wants a picture, unless the settings give its size', async () => {
    const towers = entryOf('two-towers', {
      ...mean,
      output: 'text_embeddings',
      pooling: 'none',
      truncate_dimension: 16,
    });
    expect(await failure('InvalidInput', load(towers))).toContain('image_size');
  });

  test.each([{ num_beams: 2 }, { pooling: 'max' }, { dtype: 'fp64' }, { max_tokens: 0 }])(
    '%j',
    async (settings) => {
      await expect(load(change(settings))).rejects.toThrow();
    },
  );
});

describe('files that cannot be read are distinguished from a device that refuses', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'panic-tda-embedder-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });
  const broken = (name: string): Entry => ({
    ...entryOf('mpnet', mean),
    folder: join(folder, name),
    files: filesIn(join(own, 'mpnet')),
  });

  test.each([
    ['a graph that ends too early', 'model.onnx', async (path: string) => truncate(path, 3000)],
    ['an empty graph', 'model.onnx', async (path: string) => truncate(path, 0)],
    ['a tokenizer that is no JSON', 'tokenizer.json', async (path: string) => writeFile(path, '{"model":')],
    ['a tokenizer that is missing', 'tokenizer.json', async (path: string) => rm(path)],
  ])('%s', async (what, file, damage) => {
    await cp(join(own, 'mpnet'), join(folder, what), { recursive: true });
    await damage(join(folder, what, file));
    const message = await failure('ModelFilesMissing', load(broken(what)));
    expect(message).toContain('panic-tda models verify Tiny');
    expect(message).toContain(file);
  });
});
