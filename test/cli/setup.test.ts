import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setUpCuda } from '../../cli/commands/setup.js';
import { type CudaProvider, cudaProvider, tryDevice } from '../../models/index.js';
import { NugetFeed } from '../support/nuget-feed.js';
import { tinyLibrary } from '../support/tiny-library.js';
import { zipArchive } from '../support/zip-archive.js';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { errorMessage } from '../../common/errors.js';

const NAME = 'libonnxruntime_providers_cuda.so';
const SHARED = 'libonnxruntime_providers_shared.so';
const IN_PACKAGE = 'runtimes/linux-x64/native';
const context = {
  json: false,
  command: (...words: readonly (string | number)[]) => ['panic-tda', ...words].join(' '),
};

const library = tinyLibrary(['libcublasLt.so.13', 'libcudart.so.13', 'libcuda.so.1', 'libc.so.6'], 50_000);
const content = zipArchive({
  'readme.txt': Buffer.from('hello'),
  [`${IN_PACKAGE}/${NAME}`]: library,
  [`${IN_PACKAGE}/${SHARED}`]: tinyLibrary(['libc.so.6']),
});
const feed = new NugetFeed('Vendor.Gpu.Linux', '1.30.0', content);

let provider: CudaProvider;
let printed: string;
let noted: string;
beforeAll(() => feed.start());
afterAll(() => feed.stop());
afterAll(cleanUp);
beforeEach(() => {
  feed.mischief = {};
  feed.archive = content;
  feed.seen.length = 0;
  provider = runtimePackage();
  printed = '';
  noted = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => ((printed += String(text)), true));
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => ((noted += String(text)), true));
});
afterEach(() => {
  jest.restoreAllMocks();
});

const file = (name: string) => ({ package: 'nuget:linux/x64:cuda12', path: `${IN_PACKAGE}/${name}` });

/** A package of the runtime whose list of downloads names our feed, in the form of the real list. */
function runtimePackage(): CudaProvider {
  const folder = folderWith();
  for (const path of ['script', 'bin/napi-v6/linux/x64']) mkdirSync(join(folder, path), { recursive: true });
  const metadata = {
    requirements: { 'linux/x64': ['cuda12'] },
    manifests: { 'linux/x64:cuda12': { [`./${NAME}`]: file(NAME), [`./${SHARED}`]: file(SHARED) } },
    packages: {
      'nuget:linux/x64:cuda12': {
        name: 'Vendor.Gpu.Linux',
        versions: [{ feed: 'nuget', version: '1.30.0' }],
      },
    },
    feeds: { nuget: { type: 'nuget', index: feed.index } },
  };
  writeFileSync(
    join(folder, 'script', 'install-metadata.js'),
    `module.exports = ${JSON.stringify(metadata)}`,
  );
  return cudaProvider(folder, 'linux/x64')!;
}

function setUp(): Promise<number> {
  return setUpCuda(context, provider, { withoutGpu: true, delaysMs: [0] });
}

function filesThere(): string[] {
  return readdirSync(dirname(provider.library)).toSorted();
}

const ALL_FILES = [NAME, SHARED, 'panic-tda-cuda.json'].toSorted();

describe('setup cuda', () => {
  test("knows where the runtime's own package says that the provider is, and which systems have CUDA", async () => {
    const { cudaSource } = await import('../../models/onnx/cuda.js');
    const real = cudaProvider(undefined, 'linux/x64')!;
    expect(existsSync(dirname(real.library))).toBe(true);
    const source = cudaSource(real);
    expect(source.versions[0]?.index).toBe('https://api.nuget.org/v3/index.json');
    expect(source.files[NAME]).toMatch(/^runtimes\/linux-x64\/native\//);
    expect(cudaProvider(undefined, 'darwin/arm64')).toBeNull();
    expect(cudaProvider(undefined, 'win32/x64')).toBeNull();
  });

  test('is refused on a system without CUDA', async () => {
    const refused = setUpCuda(context, null);
    await expect(refused).rejects.toMatchObject({ kind: 'InvalidInput' });
    await expect(refused).rejects.toThrow(/Linux on x64 only.*panic-tda doctor/);
  });

  test('fetches the files, compares the hash of the feed, records their hashes, and leaves nothing else', async () => {
    await setUp();
    expect(readFileSync(provider.library).equals(library)).toBe(true);
    expect(filesThere()).toEqual(ALL_FILES);
    const record = JSON.parse(readFileSync(provider.record, 'utf8')) as unknown;
    expect(record).toMatchObject({
      package: 'Vendor.Gpu.Linux',
      version: '1.30.0',
      packageSha512: createHash('sha512').update(content).digest('base64'),
      files: {
        [NAME]: { bytes: library.length, sha256: createHash('sha256').update(library).digest('hex') },
      },
    });
    expect(noted).toContain("the package's SHA-512 is that of its feed");
  });

  test('says which libraries its version of CUDA needs, and the one command that installs them', async () => {
    expect(await setUp()).toBe(1);
    expect(printed).toContain('built for CUDA 13');
    expect(printed).toContain('libcublasLt.so.13');
    // The runtime opens it when a graph first needs it, so the library's own list does not name it.
    expect(printed).toContain('libcudnn.so.9');
    expect(printed).toMatch(
      /this brings them: python3 -m pip install .*'nvidia-cudnn-cu13~=9\.0' && export LD_LIBRARY/,
    );
    expect(printed).not.toMatch(/cu12|CUDA 12/);
  });

  test('checks the hash of the present library, and fetches nothing a second time', async () => {
    await setUp();
    feed.seen.length = 0;
    await setUp();
    expect(feed.seen).toEqual([]);
    expect(noted).toContain('is there already, and is what was fetched');
  });

  test.each([
    ['is cut', () => truncateSync(provider.library, 1000), /is damaged: it is cut/],
    ['has another byte', () => flip(provider.library), /is damaged: its SHA-256/],
    ['is empty', () => truncateSync(provider.library, 0), /is damaged: it is cut/],
    ['lacks the library beside it', () => rmSync(join(dirname(provider.library), SHARED)), /is not there/],
    ['has no record of its origin', () => rmSync(provider.record), /nothing is known of its origin/],
  ])('fetches a provider again that %s', async (_, damage, told) => {
    await setUp();
    damage();
    await setUp();
    expect(noted).toMatch(told);
    expect(readFileSync(provider.library).equals(library)).toBe(true);
    expect(filesThere()).toEqual(ALL_FILES);
  });

  test('keeps a whole provider of unknown origin if the feed does not answer', async () => {
    writeFileSync(provider.library, library);
    feed.mischief = { status: ['.nupkg', 404] };
    await setUp();
    expect(noted).toMatch(/answered 404.*the library that is there is tried/s);
    expect(readFileSync(provider.library).equals(library)).toBe(true);
  });

  test('continues after a connection that was cut once', async () => {
    feed.mischief = { cut: { bytes: 500, times: 1 } };
    await setUp();
    expect(readFileSync(provider.library).equals(library)).toBe(true);
    expect(filesThere()).toEqual(ALL_FILES);
  });

  test.each([
    ['404', { status: ['.nupkg', 404] }, /\.nupkg answered 404 Not Found;/],
    [
      '503',
      { status: ['v3/index.json', 503] },
      /index\.json answered 503 Service Unavailable \(tried 2 times\);/,
    ],
    ['a page', { page: true }, /answered with no JSON \(text\/html\)/],
    ['a cut connection', { cut: { bytes: 500, times: 2 } }, /\.nupkg: the connection .*\(tried 2 times\);/],
    ['another package', { otherHash: true }, /is not what its feed lists: its SHA-512 is another;/],
    ['no such version', { status: ['linux/index.json', 404] }, /index\.json answered 404/],
  ] as const)(
    'says in one sentence what is wrong with the feed (%s), and leaves nothing',
    async (_, mischief, told) => {
      feed.mischief = structuredClone(mischief);
      const failure = await setUp().catch((error: unknown) => error);
      expect(failure).toMatchObject({ kind: 'DeviceError', message: expect.stringMatching(told) as unknown });
      const message = errorMessage(failure);
      expect(message).toMatch(
        /^the CUDA provider could not be fetched: [^\n]+HTTPS_PROXY; then run "panic-tda setup cuda" again$/,
      );
      expect(message.length).toBeLessThan(400);
      expect(filesThere()).toEqual([]);
    },
  );

  test('says so if it cannot reach the feed', async () => {
    const stopped = new NugetFeed('x', '1', content);
    await stopped.start();
    const { index } = stopped;
    await stopped.stop();
    const metadata = readFileSync(provider.metadata, 'utf8').replace(feed.index, index);
    writeFileSync(join(dirname(provider.metadata), 'other.js'), metadata);
    const elsewhere = { ...provider, metadata: join(dirname(provider.metadata), 'other.js') };
    const failed = setUpCuda(context, elsewhere, { delaysMs: [0] });
    await expect(failed).rejects.toThrow(/cannot be reached: .*ECONNREFUSED/);
    expect(filesThere()).toEqual([]);
  });

  test('refuses a package that is no archive, or lacks the library, and leaves nothing', async () => {
    for (const bytes of [
      Buffer.from('<html></html>'),
      zipArchive({ a: Buffer.from('b') }),
      content.subarray(0, -100),
    ]) {
      feed.archive = Buffer.from(bytes);
      await expect(setUp()).rejects.toThrow(/\.nupkg cannot be used: it (?:is no ZIP archive|has no file)/);
      expect(filesThere()).toEqual([]);
    }
  });

  test('refuses a package whose file differs from its checksum, also if the feed has no hash', async () => {
    feed.mischief = { withoutHash: true };
    feed.archive = Buffer.from(content);
    const at = feed.archive.indexOf(NAME) + NAME.length + 20;
    feed.archive.writeUInt8(feed.archive.readUInt8(at) ^ 1, at);
    await expect(setUp()).rejects.toThrow(/\.nupkg cannot be used: /);
    expect(filesThere()).toEqual([]);
  });

  test('removes what a killed fetch has left', async () => {
    mkdirSync(join(dirname(provider.library), '.panic-tda-cuda-abc'));
    writeFileSync(join(dirname(provider.library), '.panic-tda-cuda-abc', 'package.nupkg'), 'half');
    await setUp();
    expect(filesThere()).toEqual(ALL_FILES);
  });

  test('tries a session at the end, and says whether it works', async () => {
    const works = (await tryDevice('cuda')).reason === null;
    expect(await setUpCuda(context, provider)).toBe(works ? 0 : 1);
    expect(printed).toMatch(works ? /CUDA works/ : /CUDA does not work yet: .*"panic-tda setup cuda" again/s);
  });
});

function flip(file: string): void {
  const bytes = readFileSync(file);
  const at = bytes.length - 10;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  // Write a new file: packages are installed by hard links.
  rmSync(file);
  writeFileSync(file, bytes);
}
