import { describe, expect, test } from '@jest/globals';
import type { Artifact } from '../../experiment/artifact.js';
import { isPanicError } from '../../common/errors.js';
import { checkGenerated, checkVectors } from '../../models/check-output.js';
import { embeddingModel, generativeModel } from '../support/catalogue-models.js';

const describer = generativeModel('DummyI2T');
const painter = generativeModel('DummyT2I');
const embedder = { ...embeddingModel('Dummy'), dimension: 3 };

function messageOf(check: () => void): string {
  try {
    check();
  } catch (error) {
    if (isPanicError(error, 'ModelOutputInvalid')) return error.message;
    throw error;
  }
  return 'valid';
}

const caption = (text: string): string =>
  messageOf(() => checkGenerated(describer, { modality: 'text', text }));

const picture = (width: number, height: number, bytes: number): string =>
  messageOf(() =>
    checkGenerated(painter, { modality: 'image', width, height, pixels: new Uint8Array(bytes) }),
  );

const vectors = (...rows: number[][]): string =>
  messageOf(() =>
    checkVectors(
      embedder,
      rows.map((row) => Float32Array.from(row)),
      1,
    ),
  );

describe('the check of what models answer', () => {
  test('accepts a caption of one line with something in it', () => {
    expect(caption('une colline verte — 緑の丘')).toBe('valid');
    expect(caption(' \t ')).toBe('DummyI2T answered with a blank caption');
    expect(caption('one\ntwo')).toContain('control character (U+000a at position 3)');
    expect(caption('x'.repeat(10_001))).toContain('10001 characters; at most 10000');
  });

  test('accepts a picture with exactly its pixels', () => {
    expect(picture(2, 3, 18)).toBe('valid');
    expect(picture(8193, 8192, 0)).toContain('painted a picture of 8193 x 8192 pixels; at most 67108864');
    expect(picture(1, 16_384, 49_152)).toContain(
      '1 x 16384 pixels; at most 67108864 in all, and 16383 a side',
    );
    expect(picture(2, 3, 24)).toContain('painted 2 x 3 pixels and gave 24 bytes; 18 were expected');
    expect(picture(0, 3, 0)).toContain('0 x 3 pixels');
    expect(picture(1.5, 2, 9)).toContain('1.5 x 2 pixels');
  });

  test('refuses the other modality', () => {
    const output: Artifact = { modality: 'text', text: 'a caption' };
    expect(messageOf(() => checkGenerated(painter, output))).toBe(
      'DummyT2I answered with text where it promises image',
    );
  });

  test('accepts one finite vector per input that is not all zero', () => {
    expect(vectors([0, 0, 1])).toBe('valid');
    expect(vectors([0, 0])).toContain('2 values for input 0; its dimension is 3');
    expect(vectors([0, Number.NaN, 1])).toContain('NaN at position 1');
    expect(vectors([0, Infinity, 1])).toContain('Infinity at position 1');
    expect(vectors([0, 0, 0])).toContain('a vector of zeros');
    expect(vectors()).toContain('0 vectors for 1 inputs');
  });
});
