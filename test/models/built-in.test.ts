import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Artifact } from '../../experiment/artifact.js';
import { embedBuiltIn, generateBuiltIn } from '../../models/built-in.js';
import { createModelPool, loadCatalogue, type ModelPool } from '../../models/index.js';
import { pictureOf, text } from './pictures.js';

const builtIn = [...(await loadCatalogue({ testModels: true })).values()].filter(
  ({ loader }) => loader === 'built-in',
);
const generative = builtIn.filter((model) => model.kind === 'generative');
const HALF = 2 ** 32;

const discs = pictureOf(256, (x, y) =>
  (x - 90) ** 2 + (y - 90) ** 2 < 1600 ? [200, 40, 40] : y > 180 ? [60, 150, 80] : [250, 245, 230],
);
const inputs: Readonly<Record<string, readonly Artifact[]>> = {
  text: ['a red circle above two blue squares on a cream background', 'love', '', '🦊 и 狐', '7'].map(text),
  image: [
    discs,
    pictureOf(1, () => [0, 0, 0]),
    pictureOf(7, (x, y) => [(x * 37) % 256, (y * 91) % 256, 128]),
    pictureOf(256, (x, y) => [(x * y * 31) % 256, (x * 7 + y) % 256, (y * 13) % 256]),
  ],
};

function digest(artifact: Artifact): string {
  return createHash('sha256')
    .update(artifact.modality === 'text' ? artifact.text : artifact.pixels)
    .digest('hex');
}

describe('built-in models', () => {
  let pool: ModelPool;
  beforeAll(async () => {
    pool = await createModelPool({ modelsFolder: '.', threads: 2, testModels: true });
  });
  afterAll(() => pool.close());

  test.each(generative.map((model) => model.name))(
    '%s gives equal bytes in every call and thread',
    async (name) => {
      const model = generative.find((model) => model.name === name)!;
      for (const input of inputs[model.input]!) {
        const here = digest(generateBuiltIn(name, input, 5));
        const there = await Promise.all([5, 5, 5].map((seed) => pool.generate(name, input, seed)));
        for (const { output } of there) expect(digest(output)).toBe(here);
      }
    },
  );

  test.each(builtIn.filter((model) => model.kind === 'embedding').map((model) => model.name))(
    '%s gives finite vectors for every input, the same each time',
    async (name) => {
      const model = builtIn.find((model) => model.name === name)!;
      const given = inputs[model.input]!;
      const { vectors } = await pool.embed(name, given);
      for (const [i, vector] of vectors.entries()) {
        expect(vector).toEqual(embedBuiltIn(name, given[i]!));
        expect(vector.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 5);
      }
    },
  );

  test.each(generative.map((model) => model.name))('%s depends on both halves of the seed', async (name) => {
    const model = generative.find((model) => model.name === name)!;
    const input = inputs[model.input]![0]!;
    const distinct = async (seeds: readonly number[]): Promise<number> => {
      const answers = await Promise.all(seeds.map((seed) => pool.generate(name, input, seed)));
      return new Set(answers.map(({ output }) => digest(output))).size;
    };
    const count = name.startsWith('Slow') ? 4 : 40;
    expect(await distinct(Array.from({ length: count }, (_, i) => i + 20))).toBeGreaterThan(1);
    expect(await distinct(Array.from({ length: count }, (_, i) => (i + 1) * HALF))).toBeGreaterThan(1);
    expect((await pool.generate(name, input, Number.MAX_SAFE_INTEGER)).output.modality).toBe(model.output);
  });

  // These bytes are in users' stores. Where they change, the model is another one, and its revision in the
  // catalogue must change with them. Otherwise reused and resumed work would mix the two.
  test.each([
    [
      'ProceduralPainter',
      '1',
      inputs['text']![0]!,
      '00f9f7108edf7786b13fe5f397b92270d4682ca7d106239a73c1163ddc267d8e',
    ],
    [
      'PatternPainter',
      '1',
      inputs['text']![0]!,
      'ce0867eb58f49cdcd924413bc13a3e3d82b026c593ee6cc2f2f60369bdd743c4',
    ],
    ['ProceduralDescriber', '1', discs, '23a859cf5d559d664e39d8bd06b232e0220e6e91a1e4c119ac83e42694d76728'],
    ['PatternDescriber', '1', discs, 'b7e392a64654e19b55ef44a1d135b482ff7db35feecc10d59b3d86b6d4fb7565'],
    [
      'DummyT2I',
      '1',
      inputs['text']![0]!,
      '9ea6b7b6c1aa7fa18c6a58551565f4525e9abafb4e5ae34c1631bad4adb55c54',
    ],
    ['DummyI2T', '1', discs, '6c68be693cab112cb7e0fc9855a74f52b2f91f30c4141b19c6bdb39080fa1e6f'],
  ])('%s at revision %s still gives the recorded bytes', (name, revision, input, sha256) => {
    expect(builtIn.find((model) => model.name === name)!.revision).toBe(revision);
    expect(digest(generateBuiltIn(name, input, 42))).toBe(sha256);
  });
});
