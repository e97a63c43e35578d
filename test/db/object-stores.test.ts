/** @jest-environment ./test/support/native-errors-environment.mjs */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { errorMessage } from '../../common/errors.js';
import { createObjectBucket } from '../../db/objects/bucket.js';
import type { BucketLimits } from '../../db/objects/bucket.js';
import { s3Failure } from '../../db/objects/bucket-failures.js';
import { copyObjects } from '../../db/objects/copy.js';
import type { CopyCounts, CopyOptions } from '../../db/objects/copy.js';
import { createObjectFolder } from '../../db/objects/folder.js';
import { objectKey, sha256Of } from '../../db/objects/object-store.js';
import type { ObjectStore, StoredObject } from '../../db/objects/object-store.js';
import type { BucketPlace } from '../../db/objects/place.js';
import {
  ACCESS_KEY,
  makeBucket,
  s3Program,
  SECRET_KEY,
  startS3Server,
  toldSkipped,
} from '../support/s3-server.js';
import type { S3Server } from '../support/s3-server.js';
import { refusingProxy } from '../support/s3-proxy.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const program = await s3Program();
const describeS3 = 'path' in program ? describe : describe.skip;

const BUCKET = 'pictures';
let server: S3Server;

/** A kind of store, made anew, and the place where it keeps the bytes of an object. */
interface Kind {
  readonly name: string;
  readonly open: () => { readonly objects: ObjectStore; readonly fileOf: (sha256: Buffer) => string };
}

let prefixes = 0;
const opened: ObjectStore[] = [];
afterEach(() => {
  for (const objects of opened.splice(0)) objects.close();
});

function bucketPlace(changes: Partial<BucketPlace> = {}): BucketPlace {
  return {
    kind: 's3',
    bucket: BUCKET,
    prefix: `tests/${prefixes++}`,
    service: { endpoint: server.endpoint, region: 'us-east-1', pathStyle: true },
    ...changes,
  };
}

function serviceAt(endpoint: string) {
  return { endpoint, region: 'us-east-1', pathStyle: true };
}

function openBucket(place = bucketPlace(), limits?: BucketLimits): ObjectStore {
  const objects = createObjectBucket(place, limits);
  opened.push(objects);
  return objects;
}

function openFolder(root = join(temporaryFolder(), 'objects')): ObjectStore {
  const objects = createObjectFolder(root);
  opened.push(objects);
  return objects;
}

const FOLDER: Kind = {
  name: 'a folder',
  open() {
    const objects = openFolder();
    mkdirSync(objects.root);
    return { objects, fileOf: (sha256) => objects.location(sha256) };
  },
};

const S3: Kind = {
  name: 'a bucket of an S3 service',
  open() {
    const place = bucketPlace();
    const fileOf = (sha256: Buffer) => server.file(BUCKET, `${place.prefix}/${objectKey(sha256)}`);
    return { objects: openBucket(place), fileOf };
  },
};

/** Bytes that look like noise, the same for the same seed. */
function noise(byteLength: number, seed: number): Buffer {
  if (byteLength === 0) return Buffer.alloc(0);
  return createHash('shake256', { outputLength: byteLength }).update(String(seed)).digest();
}

async function stored(objects: ObjectStore, bytes: Buffer): Promise<Buffer> {
  const sha256 = sha256Of(bytes);
  await objects.put(sha256, bytes);
  return sha256;
}

async function listed(objects: ObjectStore): Promise<StoredObject[]> {
  const found: StoredObject[] = [];
  for await (const object of objects.list()) found.push(object);
  return found;
}

function hex(found: readonly StoredObject[]): string[] {
  return found.map(({ sha256 }) => sha256.toString('hex'));
}

/** An error as the SDK makes it from a service's answer. */
function answer(name: string, httpStatusCode: number): Error {
  return Object.assign(new Error('words of the service'), { name, $metadata: { httpStatusCode } });
}

async function copy(from: ObjectStore, to: ObjectStore, options: Partial<CopyOptions> = {}) {
  const damaged: string[] = [];
  const progress: CopyCounts[] = [];
  const counts = await copyObjects(from.list(), from, to, {
    verify: false,
    signal: new AbortController().signal,
    onProgress: (state) => progress.push(state),
    onDamaged: ({ message }) => damaged.push(message),
    ...options,
  });
  return { counts, damaged, progress };
}

async function filled(objects: ObjectStore, count: number): Promise<Buffer[]> {
  const names = [];
  for (let k = 0; k < count; k++) names.push(await stored(objects, noise(100 + k, 50 + k)));
  return names;
}

if ('path' in program) {
  beforeAll(async () => {
    server = await startS3Server(program.path);
    // The SDK finds credentials at the places where users put them.
    Object.assign(process.env, server.environment);
    await makeBucket(server, BUCKET);
  });
  afterAll(() => server.remove());
}

for (const kind of [FOLDER, S3]) {
  const title = kind === S3 ? toldSkipped(`objects in ${kind.name}`, program) : `objects in ${kind.name}`;
  (kind === S3 ? describeS3 : describe)(title, () => {
    test('come back as they were, under the SHA-256 of their bytes', async () => {
      const { objects, fileOf } = kind.open();
      for (const bytes of [noise(1000, 1), Buffer.from('x'), Buffer.alloc(0)]) {
        const sha256 = await stored(objects, bytes);
        expect(await objects.get(sha256)).toEqual(bytes);
        expect(await objects.size(sha256)).toBe(bytes.byteLength);
        expect(readFileSync(fileOf(sha256))).toEqual(bytes);
        expect(objects.location(sha256)).toBe(`${objects.root}/${objectKey(sha256)}`);
      }
    });

    test('of 20 MB do, too', async () => {
      const { objects } = kind.open();
      const bytes = noise(20_000_000, 2);
      expect((await objects.get(await stored(objects, bytes))).equals(bytes)).toBe(true);
    });

    test('that are equal are kept once, also when they are written at once', async () => {
      const { objects, fileOf } = kind.open();
      const bytes = noise(5000, 3);
      const written = await Promise.all(Array.from({ length: 12 }, () => stored(objects, bytes)));
      const [sha256] = written;
      expect(hex(await listed(objects))).toEqual([sha256!.toString('hex')]);
      expect(readdirSync(dirname(fileOf(sha256!)))).toHaveLength(1);
      expect(await objects.get(sha256!)).toEqual(bytes);
    });

    test('that exist already are not written again', async () => {
      const { objects, fileOf } = kind.open();
      const sha256 = await stored(objects, noise(100, 4));
      const { ino, mtimeMs } = statSync(fileOf(sha256));
      await objects.put(sha256, noise(100, 4));
      expect(statSync(fileOf(sha256))).toMatchObject({ ino, mtimeMs });
    });

    test('are listed in order of their names with sizes and times; other files are left out', async () => {
      const { objects, fileOf } = kind.open();
      const before = Date.now() - 2000;
      const names = [];
      for (let k = 0; k < 6; k++) names.push((await stored(objects, noise(10 + k, k))).toString('hex'));
      const [first] = await listed(objects);
      writeFileSync(join(dirname(fileOf(first!.sha256)), 'notes.txt'), 'x');
      const found = await listed(objects);
      expect(hex(found)).toEqual(names.toSorted());
      expect(new Set(found.map(({ byteLength }) => byteLength))).toEqual(new Set([10, 11, 12, 13, 14, 15]));
      for (const { modifiedAt } of found) {
        expect(modifiedAt).toBeGreaterThan(before);
        expect(modifiedAt).toBeLessThan(Date.now() + 2000);
      }
    });

    test('are listed to the last one if there are thousands', async () => {
      const { objects, fileOf } = kind.open();
      const names = [];
      // Written as files: a listing does not read the bytes.
      for (let k = 0; k < 2300; k++) {
        const sha256 = sha256Of(Buffer.from(String(k)));
        mkdirSync(dirname(fileOf(sha256)), { recursive: true });
        writeFileSync(fileOf(sha256), String(k));
        names.push(sha256.toString('hex'));
      }
      expect(hex(await listed(objects))).toEqual(names.sort());
    });

    test('that are missing are named', async () => {
      const { objects } = kind.open();
      const sha256 = sha256Of(Buffer.from('never stored'));
      expect(await objects.size(sha256)).toBeNull();
      await expect(objects.get(sha256)).rejects.toMatchObject({
        kind: 'StoreConflict',
        message: expect.stringMatching(new RegExp(`object ${objects.location(sha256)} is missing`)),
      });
      expect(await listed(objects)).toEqual([]);
    });

    test('in which a bit flipped are noticed when they are read', async () => {
      const { objects, fileOf } = kind.open();
      const sha256 = await stored(objects, noise(3000, 5));
      const bytes = readFileSync(fileOf(sha256));
      bytes[1234]! ^= 1;
      writeFileSync(fileOf(sha256), bytes);
      await expect(objects.get(sha256)).rejects.toMatchObject({
        kind: 'StoreConflict',
        message: expect.stringContaining(`object ${objects.location(sha256)} is damaged`),
      });
    });

    test('that were cut short are noticed, and written again', async () => {
      const { objects, fileOf } = kind.open();
      const bytes = noise(3000, 6);
      const sha256 = await stored(objects, bytes);
      truncateSync(fileOf(sha256), 17);
      await expect(objects.get(sha256)).rejects.toMatchObject({ kind: 'StoreConflict' });
      await objects.put(sha256, bytes);
      expect(await objects.get(sha256)).toEqual(bytes);
    });

    test('can be removed, also when they are gone', async () => {
      const { objects } = kind.open();
      const [kept, removed] = [await stored(objects, noise(10, 7)), await stored(objects, noise(10, 8))];
      await objects.remove(removed);
      await objects.remove(removed);
      expect(await objects.size(removed)).toBeNull();
      expect(hex(await listed(objects))).toEqual([kept.toString('hex')]);
      await objects.put(removed, noise(10, 8));
      expect(await objects.get(removed)).toEqual(noise(10, 8));
    });

    test('belong to one of those that claim the place at once, until one takes it over', async () => {
      const { objects } = kind.open();
      expect(await objects.owner()).toBeNull();
      await Promise.all(Array.from({ length: 8 }, (_, index) => objects.claim(`owner ${index}`)));
      const owner = await objects.owner();
      expect(owner).toMatch(/^owner \d$/);
      await objects.claim('another');
      expect(await objects.owner()).toBe(owner);
      await objects.setOwner('the last');
      expect(await objects.owner()).toBe('the last');
      expect((await listed(objects)).length).toBe(0);
    });

    test('are possible, says the check, and it leaves no object', async () => {
      const { objects } = kind.open();
      await objects.check();
      await objects.check();
      expect(await listed(objects)).toEqual([]);
    });
  });
}

test('the check of a folder names one that cannot be made', async () => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  await expect(openFolder(join(file, 'objects')).check()).rejects.toMatchObject({
    kind: 'InvalidInput',
    message: expect.stringContaining(file),
  });
});

describeS3(toldSkipped('a bucket', program), () => {
  const QUICK: BucketLimits = { answerMs: 300, silenceMs: 300 };

  test('may be used without a prefix, and each prefix is a separate store', async () => {
    const whole = openBucket(bucketPlace({ prefix: '' }));
    const part = openBucket();
    const [inWhole, inPart] = [await stored(whole, noise(10, 20)), await stored(part, noise(10, 21))];
    expect(whole.location(inWhole)).toBe(`s3://${BUCKET}/${objectKey(inWhole)}`);
    expect(hex(await listed(whole))).toEqual([inWhole.toString('hex')]);
    expect(hex(await listed(part))).toEqual([inPart.toString('hex')]);
    await expect(part.get(inWhole)).rejects.toMatchObject({ kind: 'StoreConflict' });
  });

  test('takes nothing that does not hash to its name', async () => {
    const objects = openBucket();
    const sha256 = sha256Of(Buffer.from('one thing'));
    await expect(objects.put(sha256, Buffer.from('another'))).rejects.toMatchObject({
      message: expect.stringMatching(/BadDigest/),
    });
    expect(await objects.size(sha256)).toBeNull();
  });

  test('that is missing is named, with what to do', async () => {
    const objects = openBucket(bucketPlace({ bucket: 'no-such-bucket' }));
    const refusal = {
      kind: 'InvalidInput',
      message: expect.stringMatching(
        new RegExp(`${server.endpoint}.*no bucket "no-such-bucket": create it, or .*PANIC_TDA_OBJECTS`),
      ),
    };
    await expect(objects.check()).rejects.toMatchObject(refusal);
    await expect(stored(objects, noise(10, 22))).rejects.toMatchObject(refusal);
    await expect(objects.get(sha256Of(Buffer.from('x')))).rejects.toMatchObject(refusal);
    await expect(listed(objects)).rejects.toMatchObject(refusal);
  });

  test.each([
    ['an unknown key', { AWS_ACCESS_KEY_ID: 'another-user' }, /not those of the service/],
    ['a wrong secret', { AWS_SECRET_ACCESS_KEY: 'not-the-secret' }, /not those of the service/],
    ['none', { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }, /Could not load credentials/],
  ])('refuses credentials that are wrong: %s', async (_, variables, words) => {
    const before = { ...process.env };
    Object.assign(process.env, variables);
    try {
      const error = await openBucket()
        .check()
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ kind: 'InvalidInput' });
      const message = errorMessage(error);
      expect(message).toMatch(words);
      expect(message).toContain(server.endpoint);
      expect(message).toContain('AWS_ACCESS_KEY_ID');
      for (const secret of [SECRET_KEY, ACCESS_KEY, 'not-the-secret']) expect(message).not.toContain(secret);
    } finally {
      Object.assign(process.env, before);
    }
  });

  test('that does not answer is unavailable, and used again as soon as it does', async () => {
    const objects = openBucket();
    const [first, second] = [noise(2000, 23), noise(2000, 24)];
    const sha256 = await stored(objects, first);
    await server.kill();
    const unavailable = {
      kind: 'StoreUnavailable',
      message: expect.stringMatching(new RegExp(`${server.endpoint} does not answer: .*ECONNREFUSED`)),
    };
    await expect(objects.get(sha256)).rejects.toMatchObject(unavailable);
    await expect(stored(objects, second)).rejects.toMatchObject(unavailable);
    await expect(objects.check()).rejects.toMatchObject(unavailable);
    await expect(listed(objects)).rejects.toMatchObject(unavailable);
    await server.start();
    expect(await objects.get(sha256)).toEqual(first);
    expect(await objects.get(await stored(objects, second))).toEqual(second);
  });

  test('that has frozen is unavailable after a while', async () => {
    const objects = openBucket(undefined, QUICK);
    const bytes = noise(2000, 25);
    const sha256 = await stored(objects, bytes);
    await server.freeze();
    try {
      await expect(objects.get(sha256)).rejects.toMatchObject({ kind: 'StoreUnavailable' });
      await expect(stored(objects, noise(2000, 26))).rejects.toMatchObject({ kind: 'StoreUnavailable' });
    } finally {
      server.thaw();
    }
    expect(await objects.get(sha256)).toEqual(bytes);
  });

  test('whose host has no address is unavailable, and the check says which', async () => {
    const service = { endpoint: 'http://no-such-host.invalid', region: 'us-east-1', pathStyle: true };
    await expect(openBucket(bucketPlace({ service })).check()).rejects.toMatchObject({
      kind: 'StoreUnavailable',
      message: expect.stringContaining('http://no-such-host.invalid'),
    });
  });

  test('of a service without a region names the variable for it', async () => {
    const before = process.env['AWS_REGION'];
    delete process.env['AWS_REGION'];
    try {
      const service = { endpoint: server.endpoint, region: undefined, pathStyle: true };
      await expect(openBucket(bucketPlace({ service })).check()).rejects.toMatchObject({
        kind: 'InvalidInput',
        message: expect.stringContaining('Set AWS_REGION'),
      });
    } finally {
      process.env['AWS_REGION'] = before;
    }
  });
});

describe('what a service answers', () => {
  const place: BucketPlace = {
    kind: 's3',
    bucket: 'pictures',
    prefix: '',
    service: { endpoint: undefined, region: 'eu-west-1', pathStyle: false },
  };
  test.each([
    ['SlowDown', 503],
    ['InternalError', 500],
    ['TooManyRequests', 429],
    ['RequestTimeout', 400],
    ['ExpiredToken', 400],
    ['OperationAborted', 409],
    ['ConditionalRequestConflict', 409],
    ['Locked', 423],
    ['TooEarly', 425],
    ['RequestTimeTooSkewed', 403],
    ['ServiceUnavailable', 503],
    ['GatewayTimeout', 504],
  ])('%s (%d) may pass', (name, status) => {
    expect(s3Failure(answer(name, status), place, 'write object x')).toMatchObject({
      kind: 'StoreUnavailable',
      message: `could not write object x: the S3 service of eu-west-1 answered: ${name}: words of the service (status ${status})`,
    });
  });

  test.each([
    ['QuotaExceeded', 403],
    ['QuotaExceeded', 413],
    ['XMinioAdminBucketQuotaExceeded', 400],
    ['XMinioStorageFull', 507],
    ['InsufficientStorage', 507],
    ['StorageCapExceeded', 403],
  ])('%s (%d) passes as soon as there is room, as a full disk does', (name, status) => {
    expect(s3Failure(answer(name, status), place, 'write object x')).toMatchObject({
      kind: 'StoreUnavailable',
      message: expect.stringMatching(/There is no room left for the bucket "pictures": make some\.$/),
    });
  });

  test('a conflict without a code, as a HEAD has it, may pass', () => {
    expect(s3Failure(answer('Unknown', 409), place, 'look for object x')).toMatchObject({
      kind: 'StoreUnavailable',
    });
  });

  test.each([
    ['InvalidBucketState', 409, /InvalidBucketState/],
    ['AccessDenied', 403, /need s3:GetObject, s3:PutObject.*for the bucket "pictures"/],
    ['PermanentRedirect', 301, /in another region: set AWS_REGION/],
    ['InvalidRequest', 400, /words of the service \(status 400\)$/],
  ])('%s (%d) is final', (name, status, words) => {
    expect(s3Failure(answer(name, status), place, 'write object x')).toMatchObject({
      kind: 'InvalidInput',
      message: expect.stringMatching(words),
    });
  });

  test('an error of our own is not mistaken for one of the network', () => {
    const bug = Object.assign(new TypeError('x is not a function'), { code: 'ERR_INVALID_ARG_TYPE' });
    expect(s3Failure(bug, place, 'write object x')).toBe(bug);
  });
});

describeS3(toldSkipped('a service that refuses the first request for each object', program), () => {
  test.each([
    [409, 'OperationAborted'],
    [403, 'QuotaExceeded'],
  ])('with %d %s has stored it after the next attempt', async (status, code) => {
    const proxy = await refusingProxy(server, (request, nth) =>
      request.method === 'PUT' && nth === 1 ? { status, code } : null,
    );
    try {
      const objects = openBucket(bucketPlace({ service: serviceAt(proxy.endpoint) }));
      const bytes = noise(2000, 70);
      await expect(stored(objects, bytes)).rejects.toMatchObject({ kind: 'StoreUnavailable' });
      expect(await objects.get(await stored(objects, bytes))).toEqual(bytes);
    } finally {
      await proxy.close();
    }
  });

  test('with 409 to a HEAD, which has no words, has stored it after the next attempt', async () => {
    const proxy = await refusingProxy(server, ({ method }, nth) =>
      method === 'HEAD' && nth === 1 ? { status: 409, code: 'OperationAborted' } : null,
    );
    try {
      const objects = openBucket(bucketPlace({ service: serviceAt(proxy.endpoint) }));
      const bytes = noise(2000, 71);
      await expect(stored(objects, bytes)).rejects.toMatchObject({ kind: 'StoreUnavailable' });
      expect(await objects.get(await stored(objects, bytes))).toEqual(bytes);
    } finally {
      await proxy.close();
    }
  });

  test('with 403 has not said that the object is missing', async () => {
    const proxy = await refusingProxy(server, ({ method }) =>
      method === 'HEAD' ? { status: 403, code: 'AccessDenied' } : null,
    );
    try {
      const objects = openBucket(bucketPlace({ service: serviceAt(proxy.endpoint) }));
      // The write decides; it needs no permission to look.
      const sha256 = await stored(objects, noise(2000, 72));
      await expect(objects.size(sha256)).rejects.toMatchObject({
        kind: 'InvalidInput',
        message: expect.stringMatching(/status 403.*need s3:GetObject/),
      });
    } finally {
      await proxy.close();
    }
  });
});

describeS3(toldSkipped('copying objects', program), () => {
  test.each([
    ['a folder to a bucket', FOLDER, S3],
    ['a bucket to a folder', S3, FOLDER],
  ])('from %s copies all, and nothing the second time', async (_, from, to) => {
    const [source, target] = [from.open().objects, to.open().objects];
    await filled(source, 40);
    const { counts, progress } = await copy(source, target);
    expect(counts).toMatchObject({ objects: 40, copied: 40, present: 0, damaged: 0 });
    expect(progress.map(({ objects }) => objects)).toEqual(Array.from({ length: 40 }, (_, k) => k + 1));
    expect(hex(await listed(target))).toEqual(hex(await listed(source)));
    for (const { sha256 } of await listed(source)) {
      expect(await target.get(sha256)).toEqual(await source.get(sha256));
    }
    expect((await copy(source, target)).counts).toMatchObject({ copied: 0, present: 40, copiedBytes: 0 });
  });

  test('continues where it was stopped', async () => {
    const [source, target] = [FOLDER.open().objects, S3.open().objects];
    await filled(source, 60);
    const stopping = new AbortController();
    const stopped = copy(source, target, {
      signal: stopping.signal,
      onProgress: ({ objects }) => {
        if (objects === 20) stopping.abort(new Error('stopped'));
      },
    });
    await expect(stopped).rejects.toThrow('stopped');
    const there = (await listed(target)).length;
    expect(there).toBeGreaterThanOrEqual(20);
    expect(there).toBeLessThan(60);
    expect((await copy(source, target)).counts).toMatchObject({ copied: 60 - there, present: there });
  });

  test('names what is damaged and copies the rest', async () => {
    const [{ objects: source, fileOf }, target] = [FOLDER.open(), S3.open().objects];
    const names = await filled(source, 5);
    writeFileSync(fileOf(names[2]!), noise(102, 999));
    const { counts, damaged } = await copy(source, target);
    expect(counts).toMatchObject({ copied: 4, damaged: 1 });
    expect(damaged).toEqual([expect.stringContaining(fileOf(names[2]!))]);
    expect(await target.size(names[2]!)).toBeNull();
  });

  test('replaces what is cut short at the target, and with verify also what changed', async () => {
    const [source, { objects: target, fileOf }] = [FOLDER.open().objects, S3.open()];
    const [short, changed] = await filled(source, 3);
    await copy(source, target);
    truncateSync(fileOf(short!), 5);
    const bytes = readFileSync(fileOf(changed!));
    bytes[3]! ^= 64;
    writeFileSync(fileOf(changed!), bytes);
    expect((await copy(source, target)).counts).toMatchObject({ copied: 0, replaced: 1, present: 2 });
    expect((await copy(source, target, { verify: true })).counts).toMatchObject({ replaced: 1, present: 2 });
    for (const { sha256 } of await listed(source)) await target.get(sha256);
  });

  test('ends with the error of a service that fails, and continues when the service is back', async () => {
    const [source, target] = [FOLDER.open().objects, S3.open().objects];
    await filled(source, 30);
    const failed = copy(source, target, {
      onProgress: ({ objects }) => {
        if (objects === 5) void server.kill();
      },
    });
    await expect(failed).rejects.toMatchObject({ kind: 'StoreUnavailable' });
    await server.start();
    const { counts } = await copy(source, target);
    expect(counts).toMatchObject({ objects: 30, damaged: 0 });
    expect(counts.copied).toBeGreaterThan(0);
    expect(await listed(target)).toHaveLength(30);
  });
});

test('a copy that fails once begins no further object', async () => {
  const source = openFolder();
  await filled(source, 40);
  const target = openFolder();
  let begun = 0;
  const failing: ObjectStore = {
    ...target,
    size: async () => await Promise.resolve(null),
    put: async () => {
      if (++begun === 1) throw new Error('the disk is full');
      await Promise.resolve();
    },
  };
  await expect(copy(source, failing)).rejects.toThrow('the disk is full');
  // Sixteen are under way at once.
  expect(begun).toBeLessThanOrEqual(16);
});

test('leftovers of a folder are the temporary files of writes that never ended', async () => {
  const { objects, fileOf } = FOLDER.open();
  const sha256 = await stored(objects, noise(10, 30));
  const leftover = join(dirname(fileOf(sha256)), '.0123.1.0.tmp');
  writeFileSync(leftover, 'x');
  utimesSync(leftover, 1000, 1000);
  const found: string[] = [];
  for await (const path of objects.leftovers(Date.now() - 1000)) found.push(path);
  expect(found).toEqual([leftover]);
});
