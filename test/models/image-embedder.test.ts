/** @jest-environment ./test/models/native-arrays-environment.mjs */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { ModelSettings } from '../../experiment/model.js';
import {
  apart,
  type Entry,
  failure,
  load,
  own,
  rampsOf,
  expectedText,
  readPicture,
  rows,
  shared,
  sharedIsHere,
  vectorsOf,
} from './embedder-fixtures.js';

interface Expected {
  readonly sizes: readonly (readonly [width: number, height: number])[];
  readonly dimension: number;
  readonly vectors: string;
  /** Where `vectors` are those of texts. */
  readonly pictures?: string;
}

const common = { file: 'model.onnx', dtype: 'fp32', normalize: true } as const;
const families: readonly [string, ModelSettings][] = [
  ['siglip', { ...common, output: 'pooler_output', pooling: 'none' }],
  ['dinov2', { ...common, output: 'last_hidden_state', pooling: 'cls' }],
  ['two-towers', { ...common, output: 'image_embeddings', pooling: 'none', truncate_dimension: 16 }],
];

function entryOf(name: string, settings: ModelSettings): Entry & { readonly expected: Expected } {
  const folder = join(own, name);
  const expected: Expected = JSON.parse(expectedText(folder));
  return { folder, input: 'image', dimension: expected.dimension, settings, expected };
}

describe.each(families)('an image embedder of the family %s', (name, settings) => {
  const entry = entryOf(name, settings);
  const { sizes, vectors, pictures: expected = vectors, dimension } = entry.expected;
  const pictures = sizes.map((size) => rampsOf(...size));

  test('gives the vectors of the Python libraries, for pictures that are shrunk, cropped and enlarged', async () => {
    const found = await vectorsOf(await load(entry), pictures);
    expect(apart(found, rows(expected, dimension))).toBeLessThan(1e-5);
  });

  test('gives equal bytes alone and among 31 others', async () => {
    const embedder = await load(entry);
    const many = Array.from({ length: 32 }, (_, i) => pictures[i % pictures.length]!);
    const together = await vectorsOf(embedder, many);
    for (const [i, picture] of pictures.entries()) {
      expect(await vectorsOf(embedder, [picture])).toEqual([together[i]]);
      expect(together[i + pictures.length]).toEqual(together[i]);
    }
  });
});

(sharedIsHere ? test : test.skip)("CLIP's picture tower (skipped where ../shared lacks it)", async () => {
  const folder = join(shared, 'clip-tiny');
  const {
    images,
    dim,
  }: {
    images: { file: string; vector_b64: string }[];
    dim: number;
  } = JSON.parse(expectedText(folder));
  const settings: ModelSettings = {
    ...common,
    file: 'onnx/vision_model.onnx',
    output: 'image_embeds',
    pooling: 'none',
  };
  const embedder = await load({ folder, input: 'image', dimension: dim, settings });
  const pictures = await Promise.all(images.map(({ file }) => readPicture(join(shared, 'images', file))));
  const expected = images.flatMap(({ vector_b64: vector }) => rows(vector, dim));
  expect(apart(await vectorsOf(embedder, pictures), expected)).toBeLessThan(1e-5);
});

describe('an image embedder refuses', () => {
  test.each([
    ['an unknown kind of processor', { image_processor_type: 'OwlViTImageProcessor' }],
    ['a size with two meanings', { size: 224 }],
    ['an unknown kernel', { resample: 0 }],
  ])('%s', async (_, change) => {
    const folder = await mkdtemp(join(tmpdir(), 'panic-tda-embedder-'));
    await cp(join(own, 'dinov2'), folder, { recursive: true });
    const path = join(folder, 'preprocessor_config.json');
    const config: object = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...config, ...change }));
    const entry = { ...entryOf('dinov2', families[1]![1]), folder };
    const embedding = load(entry).then((embedder) => embedder.embed([rampsOf(100, 80)]));
    expect(await failure('InvalidInput', embedding)).toContain(Object.keys(change)[0]);
    await rm(folder, { recursive: true });
  });

  test('text', async () => {
    const embedder = await load(entryOf('siglip', families[0]![1]));
    await failure('InvalidInput', embedder.embed([{ modality: 'text', text: 'a cat' }]));
  });
});
