import type * as Sdk from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
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

/**
 * The SDK also finds credentials in files and roles. A service that echoes requests repeats their session
 * token.
 */
async function keepCredentials(client: Sdk.S3Client): Promise<void> {
  const found = await client.config.credentials().catch(() => null);
  keepSecrets([
    { name: 'AWS_SECRET_ACCESS_KEY', value: found?.secretAccessKey ?? '' },
    { name: 'AWS_SESSION_TOKEN', value: found?.sessionToken ?? '' },
  ]);
}

/** Explains the prefix to a person who finds it. Every check writes and reads it. */
const MARKER = 'panic-tda-objects.txt';
const MARKER_TEXT = Buffer.from('Objects of panic-tda, each named by the SHA-256 of its bytes.\n');

/**
 * Attempts of one call in all, with pauses of tenths of a second. The caller that repeats the call waits for
 * the end of a longer outage.
 */
const ATTEMPTS = 4;

export interface BucketLimits {
  /**
   * Milliseconds from the sending of a request to the beginning of its answer. An object of 100 MB has to be
   * sent within this time.
   */
  readonly answerMs: number;
  /** Milliseconds of silence within an answer. */
  readonly silenceMs: number;
}

const LIMITS: BucketLimits = { answerMs: 60_000, silenceMs: 30_000 };

/**
 * Objects in a bucket of an S3 service, as `PREFIX/ab/ab12…`. The service itself compares the received bytes
 * with the SHA-256 (`x-amz-checksum-sha256`), and a write is durable when the service answers. The first call
 * loads the SDK.
 */
export function createObjectBucket(place: BucketPlace, limits: BucketLimits = LIMITS): ObjectStore {
  const { bucket } = place;
  const beginning = place.prefix === '' ? '' : `${place.prefix}/`;
  const root = `s3://${bucket}${place.prefix === '' ? '' : `/${place.prefix}`}`;
  const opened = remembered(open);
  let closed: Sdk.S3Client | null = null;

  /** Passes the SDK and its client to `work`, and turns their errors into errors of ours. */
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
      // This program hashes what it reads anyway, and services other than Amazon's do not know the newer
      // checksums.
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: 10_000,
        requestTimeout: limits.answerMs,
        // Without this setting the time-out only writes a line to the log.
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
      // After the first success, credentials may be missing only for a while (a role that is being renewed).
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

  /**
   * False if the service does not support such a condition; true if it wrote the text, or if the condition
   * does not hold.
   */
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
        // https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html: the service answers
        // 409 if two such writes run at once.
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

  /**
   * Whether the service has an object of these bytes, according to its own checksum. An upload that was cut
   * off leaves no object.
   */
  async function holds(sha256: Buffer, byteLength: number): Promise<boolean> {
    // If the credentials do not permit this look, the following write says which right they lack.
    const found = await head(sha256, [404, 403]);
    return found?.ContentLength === byteLength && found.ChecksumSHA256 === sha256.toString('base64');
  }

  /** Null if the service answers with one of these statuses. */
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

  /**
   * The bytes of a key; null if there is no such key. Throws StoreConflict if there are more than `most`
   * bytes.
   */
  async function read(key: string, doing: string, most: number): Promise<Buffer | null> {
    return await ask(doing, async ({ GetObjectCommand }, client) => {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        if (Body === undefined) return Buffer.alloc(0);
        if (!(Body instanceof Readable))
          throw new Error(`could not ${doing}: the SDK gave no stream of Node`);
        return await atMost(Body, most, doing);
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
    // 403 does not count: a service also answers it for an existing object, so denial is not absence.
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

/**
 * Limits the answer of a service that others run, or of a bucket that others write to. Throws StoreConflict.
 */
async function atMost(body: Readable, most: number, doing: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.byteLength;
    // To leave the loop ends the request.
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

/** A write that is cut off leaves nothing: an object exists as a whole or not at all. */
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
