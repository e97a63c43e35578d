/** @jest-environment ./test/support/native-errors-environment.mjs */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createObjectBucket } from '../../db/objects/bucket.js';
import { sha256Of, type ObjectStore } from '../../db/objects/object-store.js';
import {
  ACCESS_KEY,
  makeAccount,
  makeBucket,
  s3Program,
  SECRET_KEY,
  startS3Server,
  toldSkipped,
  type S3Server,
} from '../support/s3-server.js';

/** Workers with one account each in one bucket, kept apart by its policy, on a real service. */

const BUCKET = 'shared';
const ARN = `arn:aws:s3:::${BUCKET}`;
const program = await s3Program();
const describeS3 = 'path' in program ? describe : describe.skip;
const before = { ...process.env };

function as(access: string, secret: string): void {
  process.env['AWS_ACCESS_KEY_ID'] = access;
  process.env['AWS_SECRET_ACCESS_KEY'] = secret;
}

/** The rights that a worker needs for one prefix, according to docs/objects.md. */
function needsOf(account: string, { objects = ['Get', 'Put', 'Delete'], list = true } = {}) {
  const principal = { Effect: 'Allow', Principal: { AWS: [account] } };
  return [
    { ...principal, Action: objects.map((verb) => `s3:${verb}Object`), Resource: `${ARN}/${account}/*` },
    ...(list
      ? [
          {
            ...principal,
            Action: 's3:ListBucket',
            Resource: ARN,
            Condition: { StringLike: { 's3:prefix': `${account}/*` } },
          },
        ]
      : []),
  ];
}

async function hexOf(objects: ObjectStore): Promise<string[]> {
  const found: string[] = [];
  for await (const { sha256 } of objects.list()) found.push(sha256.toString('hex'));
  return found;
}

describeS3(toldSkipped('the policy of a bucket', program), () => {
  let server: S3Server;
  const opened: ObjectStore[] = [];

  beforeAll(async () => {
    const path = 'path' in program ? program.path : '';
    server = await startS3Server(path);
    await makeBucket(server, BUCKET);
    for (const account of ['one', 'two']) makeAccount(path, server, account, `the secret of ${account}`);
    for (const [name, value] of Object.entries(server.environment)) process.env[name] = value;
  });
  afterEach(() => {
    for (const objects of opened.splice(0)) objects.close();
  });
  afterAll(async () => {
    process.env = before;
    await server.remove();
  });

  async function setPolicy(statements: readonly object[]): Promise<void> {
    const { PutBucketPolicyCommand, S3Client } = await import('@aws-sdk/client-s3');
    const credentials = { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY };
    const { endpoint } = server;
    const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: statements });
    await client.send(new PutBucketPolicyCommand({ Bucket: BUCKET, Policy }));
    client.destroy();
  }

  /** The store of an account's prefix. Its first call reads the keys of `account`. */
  async function open(prefix: string, account: string): Promise<ObjectStore> {
    const service = { endpoint: server.endpoint, region: 'us-east-1', pathStyle: true };
    const objects = createObjectBucket({ kind: 's3', bucket: BUCKET, prefix, service });
    opened.push(objects);
    as(account, `the secret of ${account}`);
    await objects.id().catch(() => null);
    return objects;
  }

  test('that gives each worker its prefix lets the worker do everything there', async () => {
    await setPolicy([...needsOf('one'), ...needsOf('two')]);
    for (const account of ['one', 'two']) {
      const objects = await open(account, account);
      await objects.check();
      expect(await objects.id()).toBeNull();
      await objects.setId(`id of ${account}`);
      const bytes = Buffer.from(`a picture of ${account}`);
      await objects.put(sha256Of(bytes), bytes);
      expect(await objects.get(sha256Of(bytes))).toEqual(bytes);
      expect(await objects.size(sha256Of(bytes))).toBe(bytes.byteLength);
      expect(await hexOf(objects)).toEqual([sha256Of(bytes).toString('hex')]);
    }
  });

  test('keeps each worker out of the prefix of the other, whose picture stays', async () => {
    await setPolicy([...needsOf('one'), ...needsOf('two')]);
    const bytes = Buffer.from('a picture of one');
    const sha256 = sha256Of(bytes);
    const own = await open('one', 'one');
    await own.put(sha256, bytes);
    const stranger = await open('one', 'two');
    const attempts: Readonly<Record<string, () => Promise<unknown>>> = {
      reads: () => stranger.get(sha256),
      looks: () => stranger.size(sha256),
      lists: () => hexOf(stranger),
      writes: () => stranger.put(sha256Of(Buffer.from('mine')), Buffer.from('mine')),
      renames: () => stranger.setId('mine'),
      deletes: () => stranger.remove(sha256),
    };
    for (const [name, attempt] of Object.entries(attempts)) {
      const failure = await attempt().then(
        () => 'succeeded',
        (error: Error) => error.message,
      );
      expect([name, failure]).toEqual([name, expect.stringContaining('s3:GetObject')]);
    }
    expect(await own.get(sha256)).toEqual(bytes);
  });

  test('that lets a worker delete nothing stops a deletion only', async () => {
    await setPolicy(needsOf('one', { objects: ['Get', 'Put'] }));
    const objects = await open('one', 'one');
    const bytes = Buffer.from('a picture that stays');
    await objects.put(sha256Of(bytes), bytes);
    await expect(objects.remove(sha256Of(bytes))).rejects.toMatchObject({ kind: 'InvalidInput' });
    expect(await objects.get(sha256Of(bytes))).toEqual(bytes);
  });

  test('that lets a worker list nothing stops no picture, and an absent picture counts neither as denied nor as present', async () => {
    await setPolicy(needsOf('one', { list: false }));
    const objects = await open('one', 'one');
    const bytes = Buffer.from('a picture of a worker that cannot list');
    await objects.put(sha256Of(bytes), bytes);
    expect(await objects.get(sha256Of(bytes))).toEqual(bytes);
    await expect(hexOf(objects)).rejects.toMatchObject({ kind: 'InvalidInput' });
    // Services differ in whether they report the absence of an object to an account without the right to
    // list.
    await expect(objects.get(sha256Of(Buffer.from('absent')))).rejects.toMatchObject({
      kind: expect.stringMatching(/^(StoreConflict|InvalidInput)$/),
    });
  });
});
