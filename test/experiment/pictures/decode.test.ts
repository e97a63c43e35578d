import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { isPanicError } from '../../../common/errors.js';
import { decodePicture, endIdleDecoders, UnreadablePicture } from '../../../experiment/pictures/decode.js';
import { pictureHeader } from '../../../experiment/pictures/header.js';
import { dist } from '../../support/child-processes.js';

afterAll(endIdleDecoders);

const ALL = ['png', 'jpeg', 'webp'] as const;
const SIZE = { width: 40, height: 30 };

/** A picture in which every pixel differs. */
function drawn(channels: 1 | 3 | 4 = 3): Sharp {
  const pixels = Uint8Array.from({ length: SIZE.width * SIZE.height * channels }, (_, at) => (at * 37) % 256);
  return sharp(pixels, { raw: { ...SIZE, channels } });
}

function chunk(name: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(name), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** A grey PNG of one bit per pixel, all black: 900 million pixels take 110 kB. */
function bomb(side: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc(side * (1 + Math.ceil(side / 8))));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', rows),
    chunk('IEND', new Uint8Array()),
  ]);
}

async function refusal(bytes: Uint8Array, limits = {}): Promise<string> {
  const error: unknown = await decodePicture(bytes, { formats: ALL, ...limits }).then(
    () => 'it was decoded',
    (reason: unknown) => reason,
  );
  if (!(error instanceof UnreadablePicture)) throw error;
  return error.message;
}

const OTHER = 'it is no picture in PNG, JPEG, WebP';

describe('formats', () => {
  test.each([
    ['SVG', Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"/>`)],
    ['SVG behind a declaration', Buffer.from(`<?xml version="1.0"?><svg width="40" height="30"/>`)],
    ['text', Buffer.from('a picture')],
    ['nothing', Buffer.alloc(0)],
    ['the beginning of a PNG', Buffer.from('89504e470d0a1a0a', 'hex')],
    ['the beginning of a JPEG', Buffer.from('ffd8ffe000104a464946', 'hex')],
    ['the beginning of a WebP', Buffer.from('RIFF\0\0\0\0WEBPVP8X')],
    ['a JPEG without pixels', Buffer.from('ffd8ffd9', 'hex')],
  ])('%s is no picture', async (_, bytes) => {
    expect(pictureHeader(bytes)).toBeNull();
    expect(await refusal(bytes)).toBe(OTHER);
  });

  test.each(['gif', 'tiff', 'avif'] as const)(
    '%s is not decoded, which the library could',
    async (format) => {
      expect(await refusal(await drawn().toFormat(format).toBuffer())).toBe(OTHER);
    },
  );

  test('a caller gets only the formats that it names', async () => {
    const png = await drawn().png().toBuffer();
    expect(await refusal(png, { formats: ['webp'] })).toBe('it is no picture in WebP');
  });

  const kinds: readonly [string, () => Promise<Buffer>][] = [
    ['PNG', () => drawn().png().toBuffer()],
    ['interlaced PNG', () => drawn().png({ progressive: true }).toBuffer()],
    ['PNG with a palette', () => drawn().png({ palette: true }).toBuffer()],
    ['grey PNG', () => drawn(1).toColourspace('b-w').png().toBuffer()],
    ['PNG of 16 bits', () => drawn().toColourspace('rgb16').png().toBuffer()],
    ['JPEG', () => drawn().jpeg().toBuffer()],
    ['progressive JPEG', () => drawn().jpeg({ progressive: true }).toBuffer()],
    ['JPEG of four inks', () => drawn().toColourspace('cmyk').jpeg().toBuffer()],
    ['JPEG with EXIF and a profile', () => drawn().withMetadata({ orientation: 6 }).jpeg().toBuffer()],
    ['WebP', () => drawn().webp().toBuffer()],
    ['lossless WebP', () => drawn().webp({ lossless: true }).toBuffer()],
    ['WebP with metadata', () => drawn().withMetadata().webp().toBuffer()],
  ];
  test.each(kinds)('%s has its pixels', async (_, made) => {
    const bytes = await made();
    expect(pictureHeader(bytes)).toMatchObject({ ...SIZE, animated: false });
    const { picture, opaque } = await decodePicture(bytes, { formats: ALL, size: SIZE });
    const expected = await sharp(bytes).toColourspace('srgb').removeAlpha().raw().toBuffer();
    expect({ ...picture, pixels: Buffer.from(picture.pixels) }).toEqual({
      modality: 'image',
      ...SIZE,
      pixels: expected,
    });
    expect(opaque).toBe(true);
  });

  test.each(['png', 'webp'] as const)('transparent places of a %s are reported', async (format) => {
    const bytes = await drawn(4).toFormat(format).toBuffer();
    expect((await decodePicture(bytes, { formats: ALL })).opaque).toBe(false);
  });
});

describe('what is refused before it is decoded', () => {
  test('a size that was not asked for, and more pixels than the store keeps, however few bytes they are', async () => {
    const png = await drawn().png().toBuffer();
    expect(await refusal(png, { size: { width: 30, height: 40 } })).toBe(
      'it is of 40 x 30 pixels, not of 30 x 40',
    );
    const large = bomb(30_000);
    expect(large.byteLength).toBeLessThan(200_000);
    expect(await refusal(large)).toMatch(/^it is of 30000 x 30000 pixels; at most 67108864 in all/);
    expect(pictureHeader(bomb(8))).toEqual({ format: 'png', width: 8, height: 8, animated: false });
  });

  test('animations', async () => {
    const frames = sharp(await drawn().png().toBuffer()).resize(40, 60, { fit: 'fill' });
    const two = await sharp(await frames.raw().toBuffer(), {
      raw: { width: 40, height: 60, channels: 3, pageHeight: 30 },
    })
      .webp({ loop: 0, delay: [100, 100] })
      .toBuffer();
    expect(await refusal(two)).toBe('it is an animation, not one picture');
    const png = await drawn().png().toBuffer();
    const animated = Buffer.concat([png.subarray(0, 33), chunk('acTL', Buffer.alloc(8)), png.subarray(33)]);
    expect(await refusal(animated)).toBe('it is an animation, not one picture');
  });

  test('a WebP whose canvas is of another size than its pixels', async () => {
    const webp = Buffer.from(await drawn().withMetadata().webp().toBuffer());
    expect(webp.toString('latin1', 12, 16)).toBe('VP8X');
    webp.writeUInt16LE(8000, 24);
    expect(await refusal(webp)).toBe(OTHER);
  });
});

test.each(ALL)('a %s that is cut off is refused', async (format) => {
  const bytes = await drawn().toFormat(format).toBuffer();
  expect(await refusal(bytes.subarray(0, bytes.length - 40))).toMatch(/^its pixels cannot be read: /);
});

test('a PNG with more pixels, or fewer, than its header says is refused', async () => {
  const [small, large] = [bomb(8), bomb(16)];
  const fewer = Buffer.concat([large.subarray(0, 33), small.subarray(33)]);
  expect(await refusal(fewer)).toMatch(/^its pixels cannot be read: /);
});

function readCommand(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** The child processes of this process that decode. */
function decoders(): number {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();
  return children
    .split(' ')
    .filter((pid) => pid !== '')
    .filter((pid) => /decode-main/.test(readCommand(pid))).length;
}

async function untilNone(): Promise<void> {
  while (decoders() > 0) await sleep(20);
}

describe('a decoder that takes long', () => {
  let slow: Buffer;
  beforeAll(async () => {
    // The decoding takes seconds, of which the start of the process is the least.
    const create = { width: 8192, height: 8192, channels: 3 as const, background: '#123456' };
    slow = await sharp({ create }).png({ compressionLevel: 1 }).toBuffer();
  });

  afterEach(async () => {
    // The next picture finds a decoder again.
    expect((await decodePicture(bomb(8), { formats: ALL })).picture.pixels).toHaveLength(192);
  });

  const onLinux = process.platform === 'linux';
  if (!onLinux) console.warn('skipped: processes are looked for in /proc, which is not here');
  const linux = onLinux ? test : test.skip;

  linux(
    'is ended with its process when the time is over',
    async () => {
      // End the idle processes, so that the test sees the last one go.
      await Promise.allSettled([1, 2].map(() => decodePicture(slow, { formats: ALL, timeoutMs: 50 })));
      await untilNone();
      const outcome = decodePicture(slow, { formats: ALL, timeoutMs: 50 });
      while (decoders() === 0) await sleep(5);
      const error: unknown = await outcome.catch((reason: unknown) => reason);
      expect(isPanicError(error, 'DeviceError') && error.message).toMatch(/took longer than/);
      await untilNone();
    },
    120_000,
  );

  linux(
    'is ended with its process by an abort, also while others wait for it',
    async () => {
      await Promise.allSettled([1, 2].map(() => decodePicture(slow, { formats: ALL, timeoutMs: 50 })));
      await untilNone();
      const aborting = new AbortController();
      const calls = Array.from({ length: 4 }, () =>
        decodePicture(slow, { formats: ALL, signal: aborting.signal }).catch((reason: unknown) => reason),
      );
      while (decoders() === 0) await sleep(5);
      aborting.abort(new Error('enough'));
      for (const reason of await Promise.all(calls)) expect(reason).toEqual(new Error('enough'));
      await untilNone();
    },
    120_000,
  );
});

test('a decoder that cannot be started fails the picture alone, and the next one starts again', async () => {
  const script = `
    import { closeSync, openSync } from 'node:fs';
    import { decodePicture } from ${dist('experiment/pictures/decode.js')};
    const bytes = Buffer.from('${bomb(8).toString('base64')}', 'base64');
    const outcome = () => decodePicture(bytes, { formats: ['png'] }).then(() => 'decoded', ({ name, message }) => name + ' ' + message);
    const taken = [];
    try {
      for (;;) taken.push(openSync('/dev/null'));
    } catch {}
    const outcomes = [];
    // With each further free descriptor the start fails at another place.
    for (let free = 0; free < 12; free++) {
      outcomes.push(await outcome());
      closeSync(taken.pop());
    }
    for (const descriptor of taken) closeSync(descriptor);
    console.log(JSON.stringify({ outcomes, last: await outcome() }));
    process.exit();`;
  const child = spawn(
    'sh',
    ['-c', 'ulimit -n 64; exec "$@"', 'sh', process.execPath, '--input-type=module', '-e', script],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 60_000,
      env: { ...process.env, NODE_OPTIONS: '' },
      // The code under test may end the whole group of this process.
      detached: true,
    },
  );
  let stdout = '';
  child.stdout.on('data', (some: Buffer) => (stdout += some.toString()));
  const [, signal]: unknown[] = await once(child, 'close');
  expect(signal).toBeNull();
  const { outcomes, last }: { outcomes: string[]; last: string } = JSON.parse(stdout);
  const others = outcomes.filter(
    (outcome) => !/^(decoded|DeviceError the process that decodes )/.test(outcome),
  );
  expect(others).toEqual([]);
  expect(outcomes[0]).toContain('EMFILE');
  expect(last).toBe('decoded');
});

test('pictures that come together are decoded one after another', async () => {
  const png = await drawn().png().toBuffer();
  const decoded = await Promise.all(Array.from({ length: 20 }, () => decodePicture(png, { formats: ALL })));
  for (const { picture } of decoded) expect(picture.pixels).toEqual(decoded[0]!.picture.pixels);
});

test('no other file of the program asks the library of pictures for anything', () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const rooms = ['activities', 'cli', 'db', 'experiment', 'models', 'tda', 'workers', 'workflows'];
  const files = rooms.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(room, file)),
  );
  const loading = files.filter((file) => /['"]sharp['"]/.test(readFileSync(join(root, file), 'utf8')));
  expect(loading).toEqual([join('experiment', 'pictures', 'library.ts')]);
  const reading = files.filter((file) => readFileSync(join(root, file), 'utf8').includes('pictureReader'));
  expect(reading.toSorted()).toEqual(
    ['decode-main.ts', 'library.ts'].map((file) => join('experiment', 'pictures', file)),
  );
});
