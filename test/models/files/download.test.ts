import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { download } from '../../../models/files/download.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { gitOid, sha256 } from '../../support/hub-server.js';

/*
 * Downloads from a server that may answer anything. The result is the right file or an error, after a bounded number
 * of requests, and the disk never has more bytes than the file.
 */

const right = Buffer.from(Array.from({ length: 10_000 }, (_, i) => i % 251));
const wrong = Buffer.alloc(right.length, 'x');
const HALF = right.length / 2;
const expected = { bytes: right.length, sha256: sha256(right), gitOid: null };

let folder: string;
let target: string;
let asked: { from: number; etag: string | null }[];
beforeEach(() => {
  folder = temporaryFolder();
  target = join(folder, 'model.bin');
  asked = [];
});

type Answer = (from: number, request: number) => Response;

async function get(
  answer: Answer,
  what: Parameters<typeof download>[0]['expected'] = expected,
): Promise<string> {
  try {
    const { sha256: hash } = await download({
      target,
      expected: what,
      openFrom: async (resume) => {
        asked.push(resume);
        return answer(resume.from, asked.length);
      },
      onBytes: () => undefined,
      onRetry: () => undefined,
      delaysMs: [0, 0, 0, 0],
      signal: new AbortController().signal,
    });
    return hash;
  } catch (error) {
    return String(error);
  }
}

/** Writes what an earlier attempt would have left. */
function left(bytes: Buffer, etag?: string): void {
  writeFileSync(`${target}.part`, bytes);
  if (etag !== undefined) writeFileSync(`${target}.part.etag`, etag);
}

const whole = (body: Buffer = right, headers: Record<string, string> = {}): Response =>
  new Response(new Uint8Array(body), { status: 200, headers });
const part = (body: Buffer, range: string, headers: Record<string, string> = {}): Response =>
  new Response(new Uint8Array(body), { status: 206, headers: { 'content-range': range, ...headers } });
const restOf = (from: number): Response =>
  part(right.subarray(from), `bytes ${from}-${right.length - 1}/${right.length}`);

/** Sends some bytes and then loses the connection, or goes on forever. */
function streamed(chunks: number, chunk: Buffer, init: ResponseInit = { status: 200 }): Response {
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent++ < chunks) controller.enqueue(new Uint8Array(chunk));
      else controller.error(new Error('reset'));
    },
  });
  return new Response(body, init);
}

const isRight = (): boolean => existsSync(target) && readFileSync(target).equals(right);
const MOST_REQUESTS = 12;

describe('a server that continues at the requested place', () => {
  test('gives the file', async () => {
    left(right.subarray(0, HALF), '"a"');
    expect(await get(restOf)).toBe(expected.sha256);
    expect(asked).toEqual([{ from: HALF, etag: '"a"' }]);
    expect(isRight()).toBe(true);
    expect(readdirSync(folder)).toEqual(['model.bin']);
  });

  test('may leave the size out', async () => {
    left(right.subarray(0, HALF));
    expect(await get((from) => part(right.subarray(from), `bytes ${from}-${right.length - 1}/*`))).toBe(
      expected.sha256,
    );
    expect(asked).toHaveLength(1);
  });
});

describe('from a server with wrong ranges the program gets the whole file anew, or an error', () => {
  const tricks: [string, (from: number) => Response][] = [
    ['ignores the range', () => whole()],
    ['gives another range', () => part(right.subarray(100), `bytes 100-${right.length - 1}/${right.length}`)],
    ['begins at 0', () => part(right, `bytes 0-${right.length - 1}/${right.length}`)],
    ['names no range', () => new Response(new Uint8Array(right.subarray(HALF)), { status: 206 })],
    [
      'names one of another size',
      (from) => part(right.subarray(from), `bytes ${from}-${right.length}/${right.length + 1}`),
    ],
    ['ends beyond the file', (from) => part(right.subarray(from), `bytes ${from}-${right.length}/*`)],
    ['ends before it begins', (from) => part(Buffer.alloc(0), `bytes ${from}-0/${right.length}`)],
    [
      'counts in another unit',
      (from) => part(right.subarray(from), `items ${from}-${right.length - 1}/${right.length}`),
    ],
    [
      'names two ranges',
      (from) => part(right.subarray(from), `bytes ${from}-${right.length - 1}/${right.length}, bytes 0-1/2`),
    ],
    ['names an endless number', (from) => part(right.subarray(from), `bytes ${from}-${'9'.repeat(400)}/*`)],
    [
      'has another tag',
      (from) =>
        part(wrong.subarray(from), `bytes ${from}-${right.length - 1}/${right.length}`, { etag: '"b"' }),
    ],
    [
      'gives other bytes',
      (from) => part(wrong.subarray(from), `bytes ${from}-${right.length - 1}/${right.length}`),
    ],
    ['says that there is no such range', () => new Response(null, { status: 416 })],
  ];

  test.each(tricks)('%s, once', async (_, trick) => {
    left(right.subarray(0, HALF), '"a"');
    expect(
      await get((from, request) => (request === 1 ? trick(from) : from > 0 ? restOf(from) : whole())),
    ).toBe(expected.sha256);
    expect(isRight()).toBe(true);
    expect(asked.length).toBeLessThanOrEqual(2);
  });

  test.each(tricks)('%s, always, even for a request of the whole file', async (_, trick) => {
    left(right.subarray(0, HALF), '"a"');
    const outcome = await get(trick);
    if (outcome !== expected.sha256) {
      expect(outcome).toMatch(/ModelFilesMissing/);
      expect(existsSync(target)).toBe(false);
    }
    expect(asked.length).toBeLessThanOrEqual(MOST_REQUESTS);
  });

  test('by a cut and a wrong range in turns, forever, which is no progress', async () => {
    const outcome = await get((from) =>
      from === 0
        ? streamed(1, right.subarray(0, HALF))
        : part(right.subarray(1), `bytes 1-${right.length - 1}/${right.length}`),
    );
    expect(outcome).toMatch(/ModelFilesMissing.*tried \d+ times/);
    expect(asked.length).toBeLessThanOrEqual(MOST_REQUESTS);
  });
});

describe('an endless tail', () => {
  test.each([0, HALF])('from %d bytes on is cut at the size of the file', async (from) => {
    left(right.subarray(0, from));
    const headers = { 'content-range': `bytes ${from}-${right.length - 1}/${right.length}` };
    const init = from > 0 ? { status: 206, headers } : { status: 200 };
    const outcome = await get((at) => streamed(Infinity, wrong, at > 0 ? init : { status: 200 }));
    expect(outcome).toMatch(/more than the 10000 bytes came that the hub lists/);
    expect(readdirSync(folder)).toEqual([]);
    expect(asked.length).toBeLessThanOrEqual(MOST_REQUESTS);
  });
});

describe('bytes of another hash', () => {
  test('are thrown away', async () => {
    expect(await get(() => whole(wrong))).toMatch(/its SHA-256 is .*It was thrown away/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('are thrown away by git’s name as well', async () => {
    const byGit = { ...expected, sha256: null, gitOid: gitOid(right) };
    expect(await get(() => whole(wrong), byGit)).toMatch(/its git object is .*It was thrown away/);
    expect(await get(() => whole(), byGit)).toBe(expected.sha256);
  });

  test('that an earlier attempt left are not kept', async () => {
    left(wrong.subarray(0, HALF));
    expect(await get((from) => (from > 0 ? restOf(from) : whole()))).toBe(expected.sha256);
    left(wrong);
    expect(await get(() => whole())).toBe(expected.sha256);
    expect(isRight()).toBe(true);
  });
});

test('a tag that no header can hold is not sent', async () => {
  left(right.subarray(0, HALF), 'a\r\nauthorization: x');
  expect(await get(restOf)).toBe(expected.sha256);
  expect(asked).toEqual([{ from: HALF, etag: null }]);
});
