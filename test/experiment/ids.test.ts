import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  canonicalJson,
  drawRunSeed,
  experimentId,
  seedOfStep,
  sha256Hex,
  stepSeed,
  surrogateSeed,
  validateExperiment,
  type ExperimentConfig,
} from '../../experiment/index.js';
import { catalogue, smallest, smallestConfig } from '../support/small-catalogue.js';

function idOf(value: unknown): string {
  const validation = validateExperiment(value, catalogue);
  if (!validation.ok) throw new Error('not valid');
  return experimentId(validation.config);
}

test('SHA-256 is that of FIPS 180-2, appendix B.1', () => {
  const digest = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  expect(sha256Hex('abc')).toBe(digest);
  expect(sha256Hex(Buffer.from('abc'))).toBe(digest);
});

describe('an experiment id', () => {
  test('is 12 hex digits', () => {
    expect(experimentId(smallestConfig)).toMatch(/^[0-9a-f]{12}$/);
  });

  test('does not depend on the order of keys, $schema, concurrency, weight or how seeds of -1 are written', () => {
    const full = { ...smallestConfig, seeds: [-1, -1] };
    const id = experimentId(full);
    const { seeds: _, ...withCount } = { ...full, seed_count: 2 };
    expect(idOf(withCount)).toBe(id);
    fc.assert(
      fc.property(
        fc.shuffledSubarray(Object.entries(full), { minLength: Object.keys(full).length }),
        fc.integer({ min: 1, max: 1000 }),
        fc.string(),
        fc.double({ min: 0.001, max: 1000, noNaN: true }),
        (entries, concurrency, $schema, weight) =>
          idOf({ $schema, ...Object.fromEntries(entries), concurrency, weight }) === id,
      ),
    );
  });

  test('differs with every other field', () => {
    const variants: Partial<ExperimentConfig>[] = [
      {},
      { name: 'a' },
      { networks: [['Rewriter']] },
      { networks: [['Rewriter'], ['Painter', 'Describer']] },
      { prompts: ['b'] },
      { prompts: ['a red apple', 'b'] },
      { prompts: ['b', 'a red apple'] },
      { seeds: [-1] },
      { seeds: [-1, -1] },
      { embedding_models: ['TextPoints', 'ImagePoints'] },
      { max_length: 11 },
      { on_cycle: 'continue' },
      { max_dimension: 1 },
      { max_edge_length: 1 },
      { null_model: { surrogates: 9, kinds: ['sphere'] } },
      { null_model: { surrogates: 9, kinds: ['shuffled_increments'] } },
      { null_model: { surrogates: 10, kinds: ['sphere'] } },
      { reuse: false },
    ];
    const ids = variants.map((variant) => idOf({ ...smallest, ...variant }));
    expect(new Set(ids).size).toBe(variants.length);
    const touched = new Set(variants.flatMap((variant) => Object.keys(variant)));
    expect([...touched, 'concurrency', 'weight'].sort()).toEqual(Object.keys(smallestConfig).sort());
  });
});

test('an experiment without a null model has the id from before null models existed', () => {
  // The id that an earlier version gave the same file.
  expect(idOf({ ...smallest, null_model: null })).toBe('b5ad95620f8d');
});

test('a null model is the same in whatever order its kinds come, and with them left out', () => {
  const ids = [
    { surrogates: 5 },
    { surrogates: 5, kinds: ['shuffled_increments', 'sphere'] },
    { surrogates: 5, kinds: ['sphere', 'shuffled_increments'] },
  ].map((null_model) => idOf({ ...smallest, null_model }));
  expect(new Set(ids).size).toBe(1);
});

test('canonical JSON is JSON of the same value, whatever the order of keys', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(text));
    }),
  );
  expect(canonicalJson({ b: [1, { d: null, c: 'é' }], a: undefined })).toBe('{"b":[1,{"c":"é","d":null}]}');
});

describe('seeds', () => {
  test('that are fixed are used as they are for every step', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.nat(),
        (seed, sequence) => seedOfStep({ seed, drawnSeed: null }, sequence) === seed,
      ),
    );
  });

  test('of -1 give each step its own, the same every time', () => {
    const run = { seed: -1, drawnSeed: drawRunSeed() };
    const seeds = Array.from({ length: 1000 }, (_, sequence) => seedOfStep(run, sequence));
    expect(new Set(seeds).size).toBe(1000);
    expect(seeds).toEqual(Array.from({ length: 1000 }, (_, sequence) => stepSeed(run.drawnSeed, sequence)));
  });

  test('of -1 without a drawn seed are an error, not a guess', () => {
    expect(() => seedOfStep({ seed: -1, drawnSeed: null }, 0)).toThrow('drawn seed');
  });

  test('of steps are the first 53 bits of the SHA-256 of "runSeed:sequence"', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(), (runSeed, sequence) => {
        const expected = BigInt(`0x${sha256Hex(`${runSeed}:${sequence}`).slice(0, 16)}`) >> 11n;
        expect(BigInt(stepSeed(runSeed, sequence))).toBe(expected);
      }),
    );
  });

  test('of surrogates are the first 53 bits of the SHA-256 of "points:kind:index"', () => {
    const digest = Buffer.alloc(32, 0xab);
    const expected = BigInt(`0x${sha256Hex(`${'ab'.repeat(32)}:sphere:12`).slice(0, 16)}`) >> 11n;
    expect(BigInt(surrogateSeed(digest, 'sphere', 12))).toBe(expected);
    const seeds = [
      surrogateSeed(digest, 'sphere', 1),
      surrogateSeed(digest, 'sphere', 2),
      surrogateSeed(digest, 'shuffled_increments', 1),
      surrogateSeed(Buffer.alloc(32), 'sphere', 1),
    ];
    expect(new Set(seeds).size).toBe(4);
  });

  test('that are drawn are 53-bit integers, high and low bits alike', () => {
    const drawn = Array.from({ length: 2000 }, drawRunSeed);
    expect(drawn.every((seed) => Number.isSafeInteger(seed) && seed >= 0)).toBe(true);
    expect(new Set(drawn).size).toBe(2000);
    for (const bit of [0n, 20n, 21n, 52n]) {
      const ones = drawn.filter((seed) => (BigInt(seed) >> bit) & 1n).length;
      expect(Math.abs(ones - 1000)).toBeLessThan(200);
    }
  });
});
