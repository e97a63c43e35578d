import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kernelLock } from '../../common/kernel-lock.js';
import { quietAwsSdk } from '../../workers/settings/object-service.js';
import { ownMark } from './own-mark.js';
import { freeLoopbackPorts } from '../../workers/processes/free-ports.js';
import { repositoryPath, until } from './child-processes.js';
import { untilFrozen } from './frozen.js';

/**
 * A real S3 service, Apache-2.0. Objects are files below a folder, so that a test can damage them. Some 45
 * MB.
 */
const MODULE = 'github.com/versity/versitygw/cmd/versitygw';
const VERSION = 'v1.8.0';
const BUILD_LIMIT_MS = 15 * 60_000;

export type S3Program = { readonly path: string } | { readonly missing: string };

/** The program of the S3 service, which Go builds once for each installation; or why there is none. */
export async function s3Program(): Promise<S3Program> {
  const cache = repositoryPath('node_modules/.cache/panic-tda');
  const path = join(cache, `versitygw-${VERSION}`);
  if (existsSync(path)) return { path };
  mkdirSync(cache, { recursive: true });
  const lock = await kernelLock(`${path}.lock`, { longestMs: 600_000 });
  try {
    return existsSync(path) ? { path } : build(cache, path);
  } finally {
    lock.release();
  }
}

function build(cache: string, path: string): S3Program {
  const go = ['go', '/usr/local/go/bin/go'].find((name) => spawnSync(name, ['version']).status === 0);
  if (go === undefined) return { missing: 'Go is not installed, which builds the S3 service' };
  const folder = mkdtempSync(join(cache, 'building-'));
  try {
    const { status, stderr, error } = spawnSync(go, ['install', '-ldflags=-s -w', `${MODULE}@${VERSION}`], {
      env: { ...process.env, GOBIN: folder, CGO_ENABLED: '0' },
      encoding: 'utf8',
      timeout: BUILD_LIMIT_MS,
    });
    if (status !== 0) return { missing: `Go could not build the S3 service: ${error?.message ?? stderr}` };
    renameSync(join(folder, 'versitygw'), path);
    return { path };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const ACCESS_KEY = 'panic-tda-tests';
export const SECRET_KEY = 'the-secret-of-the-tests';

/** An S3 service on a loopback port, which it keeps when it starts again. */
export interface S3Server {
  /** URL. */
  readonly endpoint: string;
  /**
   * The variables by which a process uses it: endpoint, region, credentials. They contain nothing of the
   * user's own configuration.
   */
  readonly environment: Readonly<Record<string, string>>;
  /** The file of an object. */
  file(bucket: string, key: string): string;
  start(): Promise<void>;
  /** SIGKILL, like a crash. */
  kill(): Promise<void>;
  /** Resolves when all its threads stand still. Until then it may still answer. */
  freeze(): Promise<void>;
  thaw(): void;
  /** Ends it and removes its files. */
  remove(): Promise<void>;
}

export async function startS3Server(program: string): Promise<S3Server> {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'panic-tda-s3-'));
  const [data, metadata, accounts] = [
    join(folder, 'data'),
    join(folder, 'metadata'),
    join(folder, 'accounts'),
  ];
  for (const part of [data, metadata, accounts]) mkdirSync(part);
  const { s3: port } = await freeLoopbackPorts('s3');
  let child: ChildProcess | null = null;

  const server: S3Server = {
    endpoint: `http://127.0.0.1:${port}`,
    environment: {
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: ACCESS_KEY,
      AWS_SECRET_ACCESS_KEY: SECRET_KEY,
      AWS_CONFIG_FILE: join(folder, 'none'),
      AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    file: (bucket, key) => join(data, bucket, key),
    async start() {
      // Metadata have files of their own, since not every file system has extended attributes.
      const own = ['--port', `127.0.0.1:${port}`, '--quiet', '--iam-dir', accounts];
      const args = [...own, 'posix', '--sidecar', metadata, data];
      const started = spawn(program, args, {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...ownMark(), ROOT_ACCESS_KEY: ACCESS_KEY, ROOT_SECRET_KEY: SECRET_KEY },
      });
      child = started;
      await until('the S3 service answers', async () => {
        if (started.exitCode !== null) throw new Error(`the S3 service ended with ${started.exitCode}`);
        return await isListening(port);
      });
    },
    async kill() {
      if (child === null || child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
    async freeze() {
      child?.kill('SIGSTOP');
      await untilFrozen(child!.pid!);
    },
    thaw: () => void child?.kill('SIGCONT'),
    async remove() {
      await server.kill();
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
  await server.start();
  return server;
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const answer = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'error').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return answer;
}

/** Makes a bucket, as an operator does. */
export async function makeBucket({ endpoint }: S3Server, bucket: string): Promise<void> {
  quietAwsSdk();
  const { CreateBucketCommand, S3Client } = await import('@aws-sdk/client-s3');
  const credentials = { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY };
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
}

/** Makes an account that may do nothing yet. */
export function makeAccount(program: string, { endpoint }: S3Server, access: string, secret: string): void {
  const root = ['admin', '--endpoint-url', endpoint, '--access', ACCESS_KEY, '--secret', SECRET_KEY];
  const account = ['create-user', '--access', access, '--secret', secret, '--role', 'user'];
  const { status, stderr } = spawnSync(program, [...root, ...account], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the account ${access} could not be made: ${stderr}`);
}

/**
 * Prints which tests are left out and why, where Jest shows it. The title of the skipped tests contains the
 * reason too.
 */
export function toldSkipped(title: string, program: S3Program): string {
  if ('path' in program) return title;
  process.stderr.write(`skipped: ${title}: ${program.missing}\n`);
  return `${title} (skipped: ${program.missing.split('\n')[0]})`;
}
