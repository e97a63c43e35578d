import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { resizePicture, type ResizeKernel } from '../../models/pictures.js';
import { rampsOf } from './embedder-fixtures.js';

interface Case {
  readonly from: readonly [width: number, height: number];
  readonly to: readonly [width: number, height: number];
  readonly kernel: ResizeKernel;
  readonly sha256: string;
}

const folder = join(import.meta.dirname, '../fixtures/pictures');
const cases: Case[] = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));

describe('a resized picture has the bytes of Pillow', () => {
  test.each(cases)('$kernel, $from to $to', ({ from, to, kernel, sha256 }) => {
    const { width, height, pixels } = resizePicture(rampsOf(...from), ...to, kernel);
    expect([width, height]).toEqual(to);
    expect(createHash('sha256').update(pixels).digest('hex')).toBe(sha256);
  });
});

test('a picture of the right size stays as it is', () => {
  const picture = rampsOf(20, 10);
  expect(resizePicture(picture, 20, 10, 'bicubic')).toEqual(picture);
});
