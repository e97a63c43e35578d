import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Service } from '../common/keeper.js';

export const BUCKET = 'panic-tda';
const OBJECTS_PORT = 7070;

/** Keys of an S3 service. */
export interface ObjectKeys {
  readonly access: string;
  readonly secret: string;
}

/** How to run the S3 service of docker-compose.yml, with an empty bucket. */
export function prepareObjects(
  versitygw: string,
  {
    folder,
    address,
    port = OBJECTS_PORT,
    keys,
  }: {
    readonly folder: string;
    readonly address: string;
    readonly port?: number;
    readonly keys: ObjectKeys;
  },
): Service {
  const [buckets, metadata] = [join(folder, 'buckets'), join(folder, 'metadata')];
  mkdirSync(join(buckets, BUCKET), { recursive: true });
  mkdirSync(metadata);
  return {
    name: 'objects',
    command: versitygw,
    args: ['--port', `${address}:${port}`, '--quiet', 'posix', '--sidecar', metadata, buckets],
    env: { ROOT_ACCESS_KEY: keys.access, ROOT_SECRET_KEY: keys.secret },
  };
}

/** The variables by which workers and commands find it. */
export function objectVariables(
  address: string,
  keys: ObjectKeys,
  port = OBJECTS_PORT,
): Record<string, string> {
  return {
    PANIC_TDA_OBJECTS: `s3://${BUCKET}`,
    AWS_ENDPOINT_URL_S3: `http://${address}:${port}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: keys.access,
    AWS_SECRET_ACCESS_KEY: keys.secret,
    // The SDK must not ask a cloud's metadata service for other keys; the hosts could not reach it.
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}
