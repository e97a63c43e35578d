import { afterAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { decodeObject, encodePicture } from '../../db/tables/picture-codec.js';
import { pictureExcess } from '../../experiment/artifact.js';
import { endIdleDecoders } from '../../experiment/pictures/decode.js';
import { newFolder, sqlitePlace } from './sqlite-place.js';

afterAll(endIdleDecoders);

const blank = (width: number, height: number) => ({
  modality: 'image' as const,
  width,
  height,
  pixels: new Uint8Array(width * height * 3),
});

test.each([
  [16_383, 1],
  [1, 16_383],
  [8192, 8192],
])('a picture of %i x %i, as large as models may paint it, is kept and read', async (width, height) => {
  expect(pictureExcess(width, height)).toBeNull();
  const read = await decodeObject(await encodePicture(blank(width, height)));
  expect([read.width, read.height, read.pixels.length]).toEqual([width, height, width * height * 3]);
});

test.each([
  [16_384, 1],
  [1, 16_384],
])('a picture of %i x %i, which the store could not keep, is refused before', async (width, height) => {
  expect(pictureExcess(width, height)).toBe('at most 67108864 in all, and 16383 a side,');
  await expect(encodePicture(blank(width, height))).rejects.toThrow('too large for the WebP format');
});

/** How many processes of this one decode pictures. */
function decoders(): number {
  const processes = execFileSync('ps', ['-A', '-o', 'ppid=,args='], { encoding: 'utf8' }).split('\n');
  return processes.filter((line) => line.trim().startsWith(`${process.pid} `) && line.includes('decode-main'))
    .length;
}

test('the last store that closes ends the processes that decode, and no store before', async () => {
  const [first, second] = [sqlitePlace(newFolder(), null), sqlitePlace(newFolder(), null)];
  await decodeObject(await encodePicture(blank(8, 8)));
  await first.remove();
  expect(decoders()).toBe(1);
  await second.remove();
  expect(decoders()).toBe(0);
});
