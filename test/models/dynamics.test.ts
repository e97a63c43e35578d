import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Artifact } from '../../experiment/artifact.js';
import { createModelPool, type ModelPool } from '../../models/index.js';
import { firstByDay } from '../support/range.js';
import { text } from './pictures.js';

const NETWORKS = [
  ['ProceduralPainter', 'ProceduralDescriber'],
  ['PatternPainter', 'PatternDescriber'],
];
const PROMPTS = ['a photo of a red cat on a green hill at sunset', 'a city street at night', 'love'];

/** The captions of a run, until `steps` or the first caption that repeats. `seedOf` gives the seed of each step. */
async function* captions(
  pool: ModelPool,
  network: readonly string[],
  prompt: string,
  steps: number,
  seedOf: (step: number) => number,
): AsyncGenerator<string> {
  let artifact: Artifact = text(prompt);
  for (let step = 0; step < steps; step++) {
    artifact = (await pool.generate(network[step % network.length]!, artifact, seedOf(step))).output;
    if (artifact.modality === 'text') yield artifact.text;
  }
}

/**
 * The number of captions before the first one that comes back, and the length of its cycle; null where none comes
 * back.
 */
async function firstCycle(
  found: AsyncIterable<string>,
): Promise<{ transient: number; length: number } | null> {
  const seen = new Map<string, number>();
  for await (const caption of found) {
    const before = seen.get(caption);
    if (before !== undefined) return { transient: before, length: seen.size - before };
    seen.set(caption, seen.size);
  }
  return null;
}

async function countDistinct(found: AsyncIterable<string>): Promise<number> {
  const seen = new Set<string>();
  for await (const caption of found) seen.add(caption);
  return seen.size;
}

describe.each(NETWORKS)('the loop of %s and %s', (...network) => {
  // In threads, since the same code is ten times slower inside Jest.
  let pool: ModelPool;
  beforeAll(async () => {
    pool = await createModelPool({ modelsFolder: '.', threads: 2 });
  });
  afterAll(() => pool.close());

  test('wanders among tens of captions where each step has its own seed', async () => {
    const counts = await Promise.all(
      firstByDay(PROMPTS).map((prompt) =>
        countDistinct(captions(pool, network, prompt, 500, (step) => step * 7919 + 1)),
      ),
    );
    for (const count of counts) {
      expect(count).toBeGreaterThan(40);
      expect(count).toBeLessThan(160);
    }
  });

  test('comes back exactly with a fixed seed, after transients and with cycles of various lengths', async () => {
    const cycles = await Promise.all(
      PROMPTS.flatMap((prompt) =>
        [0, 1, 2, 2 ** 52 + 3].map((seed) => firstCycle(captions(pool, network, prompt, 300, () => seed))),
      ),
    );
    expect(cycles.filter((cycle) => cycle === null).length).toBeLessThanOrEqual(2);
    expect(new Set(cycles.map((cycle) => cycle?.length)).size).toBeGreaterThan(2);
    expect(new Set(cycles.map((cycle) => cycle?.transient)).size).toBeGreaterThan(3);
  });
});
