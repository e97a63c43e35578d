import type * as Sdk from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import { errorCode } from '../../common/error-code.js';
import { PanicError } from '../../common/errors.js';
import { faultPoint } from '../../common/fault.js';
import { remembered } from '../../common/remembered.js';
import { keepSecrets } from '../../common/secrets.js';
import { isMissing, isWithoutCredentials, s3Failure, statusOf } from './bucket-failures.js';
import {
  ID_NAME,
  idIn,
  MOST_MARK_BYTES,
  MOST_OBJECT_BYTES,
  objectKey,
  OWNER_NAME,
  sha256Of,
  sha256OfKey,
  verified,
} from './object-store.js';
import type { ObjectStore, StoredObject } from './object-store.js';
import type { BucketPlace } from './place.js';

/** The SDK finds credentials in files and roles, too; a service that echoes requests repeats their session token. */
async function keepCredentials(client: Sdk.S3Client): Promise<void> {
  const found = await client.config.credentials().catch(() => null);
  keepSecrets([
    { name: 'AWS_SECRET_ACCESS_KEY', value: found?.secretAccessKey ?? '' },
    { name: 'AWS_SESSION_TOKEN', value: found?.sessionToken ?? '' },
  ]);
}

/** Says what the prefix is to whoever finds it; written and read by every check. */
const MARKER = 'panic-tda-objects.txt';
const MARKER_TEXT = Buffer.from('Objects of panic-tda, each named by the SHA-256 of its bytes.\n');

/** Requests of one call in all, with pauses of tenths of a second: a longer outage is waited for by whoever retries the call. */
const ATTEMPTS = 4;

export interface BucketLimits {
  /** Milliseconds from sending a request to the beginning of its answer; an object of 100 MB has to be sent within. */
  readonly answerMs: number;
  /** Milliseconds of silence within an answer. */
  readonly silenceMs: number;
}

const LIMITS: BucketLimits = { answerMs: 60_000, silenceMs: 30_000 };

/**
 * Objects in a bucket of an S3 service, as `PREFIX/ab/ab12…`. The service itself compares what it received with the SHA-256
 * (`x-amz-checksum-sha256`), and a write is durable when it answers. The SDK is loaded at the first call.
 */
export function createObjectBucket(place: BucketPlace, limits: BucketLimits = LIMITS): ObjectStore {
  const { bucket } = place;
  const beginning = place.prefix === '' ? '' : `${place.prefix}/`;
  const root = `s3://${bucket}${place.prefix === '' ? '' : `/${place.prefix}`}`;
  const opened = remembered(open);
  let closed: Sdk.S3Client | null = null;

  /** Hands the SDK and its client to `work`, and turns what they throw into errors of ours. */
  async function ask<T>(
    doing: string,
    work: (sdk: typeof Sdk, client: Sdk.S3Client) => Promise<T>,
  ): Promise<T> {
    const { sdk, client } = await opened();
    try {
      return await work(sdk, client);
    } catch (error) {
      await keepCredentials(client);
      throw s3Failure(error, place, doing);
    }
  }

  async function open() {
    const sdk = await loadSdk(root);
    const { endpoint, region, pathStyle } = place.service;
    const client = new sdk.S3Client({
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === undefined ? {} : { region }),
      forcePathStyle: pathStyle,
      followRegionRedirects: true,
      maxAttempts: ATTEMPTS,
      // What is read is hashed here anyway, and services other than Amazon's do not know the newer checksums.
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: 10_000,
        requestTimeout: limits.answerMs,
        // Without it the time-out is a line in the log.
        throwOnRequestTimeout: true,
        socketTimeout: limits.silenceMs,
      },
    });
    closed = client;
    return { sdk, client };
  }

  function keyOf(sha256: Buffer): string {
    return beginning + objectKey(sha256);
  }

  function location(sha256: Buffer): string {
    return `s3://${bucket}/${keyOf(sha256)}`;
  }

  async function check(): Promise<void> {
    const bytes = await writeAndReadMarker().catch((error: unknown) => {
      // Later on credentials may be missing for a while only (a role that is being renewed).
      throw isWithoutCredentials(error)
        ? new PanicError('InvalidInput', error.message, { cause: error })
        : error;
    });
    if (bytes === null || !bytes.equals(MARKER_TEXT)) {
      const found = bytes === null ? 'is not there' : 'reads differently';
      throw new PanicError(
        'InvalidInput',
        `${root} does not keep what is written: ${MARKER} was written and ${found}`,
      );
    }
  }

  async function writeAndReadMarker(): Promise<Buffer | null> {
    const key = beginning + MARKER;
    await write(key, sha256Of(MARKER_TEXT), MARKER_TEXT, `write ${root}/${MARKER}`);
    return await read(key, `read ${root}/${MARKER}`, MOST_MARK_BYTES);
  }

  async function id(): Promise<string | null> {
    return idIn(await read(beginning + ID_NAME, `read ${root}/${ID_NAME}`, MOST_MARK_BYTES));
  }

  async function setId(given: string): Promise<void> {
    const bytes = Buffer.from(`${given}\n`);
    await write(beginning + ID_NAME, sha256Of(bytes), bytes, `write ${root}/${ID_NAME}`);
  }

  async function owner(): Promise<string | null> {
    return (
      (await read(beginning + OWNER_NAME, `read ${root}/${OWNER_NAME}`, MOST_MARK_BYTES))?.toString() ?? null
    );
  }

  async function claim(text: string): Promise<void> {
    if (!(await writeOwner(text, { IfNoneMatch: '*' }))) await writeOwner(text, {});
  }

  async function setOwner(text: string): Promise<void> {
    await writeOwner(text, {});
  }

  /** False where the service knows no such condition; true where it was written, or the condition does not hold. */
  async function writeOwner(text: string, condition: { readonly IfNoneMatch?: '*' }): Promise<boolean> {
    const bytes = Buffer.from(text);
    return await ask(`write ${root}/${OWNER_NAME}`, async ({ PutObjectCommand }, client) => {
      const put = {
        Bucket: bucket,
        Key: beginning + OWNER_NAME,
        Body: bytes,
        ContentLength: bytes.byteLength,
      };
      try {
        const ChecksumSHA256 = sha256Of(bytes).toString('base64');
        await client.send(new PutObjectCommand({ ...put, ChecksumSHA256, ...condition }));
        return true;
      } catch (error) {
        if (condition.IfNoneMatch === undefined) throw error;
        // https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html: 409 where two are under way at once.
        const status = statusOf(error);
        if (status === 412 || status === 409) return true;
        if (status === 501) return false;
        throw error;
      }
    });
  }

  async function put(sha256: Buffer, bytes: Uint8Array): Promise<void> {
    if (!(await holds(sha256, bytes.byteLength))) {
      faultPoint('object:before-write');
      await write(keyOf(sha256), sha256, bytes, `write object ${location(sha256)}`);
    }
    faultPoint('object:after-write');
  }

  /** Whether the service has an object of these bytes, by its own checksum; an upload that was cut off leaves none. */
  async function holds(sha256: Buffer, byteLength: number): Promise<boolean> {
    // Where the credentials may not look, the write that follows says what they lack.
    const found = await head(sha256, [404, 403]);
    return found?.ContentLength === byteLength && found.ChecksumSHA256 === sha256.toString('base64');
  }

  /** Null where the service answers with one of these statuses. */
  async function head(sha256: Buffer, none: readonly number[]) {
    return await ask(`look for object ${location(sha256)}`, async ({ HeadObjectCommand }, client) => {
      const command = new HeadObjectCommand({ Bucket: bucket, Key: keyOf(sha256), ChecksumMode: 'ENABLED' });
      try {
        return await client.send(command);
      } catch (error) {
        if (none.includes(statusOf(error) ?? 0)) return null;
        throw error;
      }
    });
  }

  async function write(key: string, sha256: Buffer, bytes: Uint8Array, doing: string): Promise<void> {
    await ask(doing, async ({ PutObjectCommand }, client) => {
      await client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: bytes,
          ContentLength: bytes.byteLength,
          ChecksumSHA256: sha256.toString('base64'),
        }),
      );
    });
  }

  /** The bytes of a key; null where there is no such key. Throws StoreConflict where there are more than `most`. */
  async function read(key: string, doing: string, most: number): Promise<Buffer | null> {
    return await ask(doing, async ({ GetObjectCommand }, client) => {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        return Body === undefined ? Buffer.alloc(0) : await atMost(Body as Readable, most, doing);
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    });
  }

  async function get(sha256: Buffer, byteLength?: number): Promise<Buffer> {
    const where = location(sha256);
    const most = Math.min(byteLength ?? MOST_OBJECT_BYTES, MOST_OBJECT_BYTES);
    const bytes = await read(keyOf(sha256), `read object ${where}`, most);
    if (bytes === null) throw new PanicError('StoreConflict', `object ${where} is missing`);
    if (byteLength !== undefined && bytes.byteLength !== byteLength) {
      const found = `object ${where} is damaged: it has ${bytes.byteLength} bytes, its row says ${byteLength}`;
      throw new PanicError('StoreConflict', found);
    }
    return verified(bytes, sha256, where);
  }

  async function size(sha256: Buffer): Promise<number | null> {
    // Not 403, which a service also answers for an object that is there: denial is no absence.
    return (await head(sha256, [404]))?.ContentLength ?? null;
  }

  async function* list(): AsyncGenerator<StoredObject, void, undefined> {
    let token: string | undefined;
    do {
      const page = await ask(`list ${root}`, ({ ListObjectsV2Command }, client) =>
        client.send(
          new ListObjectsV2Command({ Bucket: bucket, Prefix: beginning, ContinuationToken: token }),
        ),
      );
      for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
        const sha256 = sha256OfKey(Key.slice(beginning.length));
        if (sha256 !== null) yield { sha256, byteLength: Size, modifiedAt: LastModified?.getTime() ?? 0 };
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  async function remove(sha256: Buffer): Promise<void> {
    await ask(`delete object ${location(sha256)}`, async ({ DeleteObjectCommand }, client) => {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: keyOf(sha256) }));
    });
  }

  function close(): void {
    closed?.destroy();
  }

  return {
    root,
    check,
    id,
    setId,
    owner,
    claim,
    setOwner,
    put,
    get,
    size,
    list,
    remove,
    location,
    leftovers: none,
    close,
  };
}

/** Of a service that others run, or a bucket that others write to. Throws StoreConflict. */
async function atMost(body: Readable, most: number, doing: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.byteLength;
    // Leaving the loop ends the request.
    if (length > most) {
      throw new PanicError(
        'StoreConflict',
        `could not ${doing}: it has more than the ${most} bytes that it can have`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A write that is cut off leaves nothing: an object is there as a whole or not at all. */
async function* none(): AsyncGenerator<string, void, undefined> {}

async function loadSdk(root: string): Promise<typeof Sdk> {
  try {
    return await import('@aws-sdk/client-s3');
  } catch (error) {
    if (errorCode(error) !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new PanicError(
      'InvalidInput',
      `objects in ${root} need the package @aws-sdk/client-s3, which is not installed; "npm install --include=optional" in a clone of panic-tda installs it, and so does installing the package again without --omit=optional`,
      { cause: error },
    );
  }
}
