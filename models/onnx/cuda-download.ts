import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { errorCode } from '../../common/error-code.js';
import { errorMessage, PanicError } from '../../common/errors.js';
import { bodyWithin, chunksOf } from '../files/hub.js';
import { fetchThrough, type Proxies } from '../files/proxied-fetch.js';
import { redirectTarget } from '../files/redirects.js';
import { extractZipEntry } from '../files/zip-entry.js';
import { isBusyStatus, PassingFailure, retryAfterMs, withRetries } from '../retry.js';
import { type CudaProvider, type CudaRecord, cudaSource } from './cuda.js';
import { readSharedLibrary } from './elf.js';

export interface CudaFetch {
  readonly proxies?: Proxies | undefined;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
  /** Pauses before further attempts, milliseconds. */
  readonly delaysMs?: readonly number[];
}

const DELAYS_MS = [1000, 4000];
/** The most bytes of a feed's document. A document has some hundred kilobytes. */
const MOST_DOCUMENT_BYTES = 2 ** 24;
/** The largest archive without ZIP64. The package has some hundred megabytes. */
const MOST_PACKAGE_BYTES = 2 ** 32;
/**
 * The prefix of folders for unfinished work. They lie beside the library, on the same disk, so that a whole file
 * gets its final name at once.
 */
const WORK_PREFIX = '.panic-tda-cuda-';

/** https://learn.microsoft.com/en-us/nuget/api/service-index */
const indexSchema = z.object({ resources: z.array(z.object({ '@id': z.url(), '@type': z.string() })) });
/** https://learn.microsoft.com/en-us/nuget/api/package-base-address-resource */
const versionsSchema = z.object({ versions: z.array(z.string()) });
/** https://learn.microsoft.com/en-us/nuget/api/registration-base-url-resource and …/catalog-resource */
const leafSchema = z.object({ catalogEntry: z.union([z.url(), z.object({ '@id': z.url() })]) });
const catalogueSchema = z.object({ packageHash: z.string(), packageHashAlgorithm: z.string() });

/**
 * Fetches the provider's files from the feed that the runtime names. It checks the package by the feed's SHA-512
 * where there is one, and each file by the archive's CRC-32. It puts the files beside the runtime, and records the
 * SHA-256 of each. It leaves nothing behind where it fails. Throws PanicError `DeviceError` with one sentence, and
 * the signal's reason.
 */
export async function fetchCudaProvider(provider: CudaProvider, options: CudaFetch): Promise<CudaRecord> {
  const folder = dirname(provider.library);
  removeWork(folder);
  try {
    const work = await mkdtemp(join(folder, WORK_PREFIX));
    try {
      const record = await fetchInto(work, provider, options);
      for (const name of Object.keys(record.files)) await rename(join(work, name), join(folder, name));
      writeFileSync(provider.record, `${JSON.stringify(record, undefined, 2)}\n`);
      return record;
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  } catch (error) {
    options.signal.throwIfAborted();
    const why = errorMessage(error).replaceAll(/\s+/g, ' ');
    throw new PanicError('DeviceError', `the CUDA provider could not be fetched: ${why}`, { cause: error });
  }
}

/** Removes what an earlier fetch left when it was killed. */
function removeWork(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (name.startsWith(WORK_PREFIX)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

async function fetchInto(work: string, provider: CudaProvider, options: CudaFetch): Promise<CudaRecord> {
  const { signal, onLine, delaysMs = DELAYS_MS } = options;
  const source = cudaSource(provider);
  const retrying = <T>(attempt: () => Promise<T>): Promise<T> =>
    withRetries(attempt, { delaysMs, kind: 'DeviceError', signal, onRetry: onLine });
  const { url, version, packageSha512 } = await retrying(() => findPackage(source, options));
  onLine(`Fetching ${url}`);
  const archive = join(work, 'package.nupkg');
  await retrying(() => fetchFile(url, archive, options));
  if (packageSha512 !== null && (await sha512Of(archive)) !== packageSha512) {
    throw new Error(`${url} is not what its feed lists: its SHA-512 is another`);
  }
  const files: CudaRecord['files'] = {};
  for (const [name, path] of Object.entries(source.files)) {
    try {
      files[name] = await extractZipEntry(archive, path, join(work, name));
      readSharedLibrary(join(work, name));
    } catch (error) {
      throw new Error(`${url} cannot be used: ${errorMessage(error)}`, { cause: error });
    }
    await makeDurable(join(work, name));
  }
  return { package: source.package, version, source: url, packageSha512, files };
}

interface FoundPackage {
  readonly url: string;
  readonly version: string;
  readonly packageSha512: string | null;
}

/** The first of the wanted versions that a feed has. */
async function findPackage(source: ReturnType<typeof cudaSource>, options: CudaFetch): Promise<FoundPackage> {
  const name = source.package.toLowerCase();
  for (const { index, version } of source.versions) {
    const { resources } = await fetchJson(index, indexSchema, options);
    const base = resources.find((resource) => resource['@type'] === 'PackageBaseAddress/3.0.0')?.['@id'];
    if (base === undefined) throw new Error(`${index} is no feed of packages`);
    const { versions } = await fetchJson(within(index, base, `${name}/index.json`), versionsSchema, options);
    const wanted = version.toLowerCase();
    if (!versions.some((one) => one.toLowerCase() === wanted)) continue;
    const registrations = resources.find((one) => one['@type'].startsWith('RegistrationsBaseUrl'))?.['@id'];
    const packageSha512 =
      registrations === undefined
        ? null
        : await listedHash(within(index, registrations, `${name}/${wanted}.json`), options);
    return { url: within(index, base, `${name}/${wanted}/${name}.${wanted}.nupkg`), version, packageSha512 };
  }
  const named = source.versions.map(({ version, index }) => `${version} of ${index}`).join(', ');
  throw new Error(`there is no ${source.package} ${named}`);
}

/**
 * The URL of a path below `base`, which the document at `index` names. Throws Error where the URL leads to a place
 * that redirects may not reach either.
 */
function within(index: string, base: string, path: string): string {
  return named(index, `${base.replace(/\/$/, '')}/${path}`);
}

function named(by: string, address: string): string {
  const target = redirectTarget(by, address);
  if (typeof target === 'string') throw new Error(`${by} ${target}`);
  return target.href;
}

/**
 * SHA-512 of a package, base64, as the feed's catalogue has it. Null where the feed has none, after a line about
 * it.
 */
async function listedHash(registration: string, options: CudaFetch): Promise<string | null> {
  try {
    return await readHash(registration, options);
  } catch (error) {
    if (error instanceof PassingFailure) throw error;
    options.onLine(`The feed gives no hash of the package (${errorMessage(error)}).`);
    return null;
  }
}

async function readHash(registration: string, options: CudaFetch): Promise<string | null> {
  const { catalogEntry } = await fetchJson(registration, leafSchema, options);
  const entry = typeof catalogEntry === 'string' ? catalogEntry : catalogEntry['@id'];
  const { packageHash, packageHashAlgorithm } = await fetchJson(
    named(registration, entry),
    catalogueSchema,
    options,
  );
  return packageHashAlgorithm.toUpperCase() === 'SHA512' ? packageHash : null;
}

async function fetchJson<T>(url: string, schema: z.ZodType<T>, options: CudaFetch): Promise<T> {
  const response = await ask(url, options);
  const body = await bodyWithin(response, MOST_DOCUMENT_BYTES, options.signal);
  if (body === null) throw new Error(`${url} answered with more than ${MOST_DOCUMENT_BYTES} bytes`);
  const text = body.toString('utf8');
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new Error(
      `${url} answered with no JSON (${response.headers.get('content-type') ?? 'no type'}): a proxy or a log-in page may answer in its place`,
    );
  }
  const parsed = schema.safeParse(document);
  if (!parsed.success) throw new Error(`${url} answered with a document of another form than NuGet's`);
  return parsed.data;
}

async function fetchFile(url: string, target: string, options: CudaFetch): Promise<void> {
  const response = await ask(url, options);
  const listed = response.headers.get('content-length');
  const file = createWriteStream(target);
  try {
    await pipeline(chunksOf(response, options.signal), noMoreThan(MOST_PACKAGE_BYTES), file);
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof TooLong) throw new Error(`${url}: ${error.message}`, { cause: error });
    if (errorCode(error) === 'ENOSPC') throw new Error(`the disk is full: ${target}`, { cause: error });
    const all = listed === null ? '' : ` of ${listed}`;
    const told = `${url}: the connection ended after ${file.bytesWritten}${all} bytes (${errorMessage(error)})`;
    throw new PassingFailure(told, { cause: error });
  }
  const expected = listed === null ? file.bytesWritten : Number(listed);
  if (file.bytesWritten !== expected) {
    throw new PassingFailure(`${url}: the connection ended after ${file.bytesWritten} of ${expected} bytes`);
  }
}

class TooLong extends Error {}

function noMoreThan(most: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      if (bytes > most) done(new TooLong(`more than ${most} bytes came`));
      else done(null, chunk);
    },
  });
}

async function ask(url: string, { proxies, signal }: CudaFetch): Promise<Response> {
  const fetchUrl = await fetchThrough(proxies);
  const response = await follow(url, (address) =>
    fetchUrl(address, { headers: {}, redirect: 'manual', signal }),
  );
  if (response.ok) return response;
  await response.body?.cancel();
  const told = `${url} answered ${response.status}${response.statusText === '' ? '' : ` ${response.statusText}`}`;
  if (!isBusyStatus(response.status)) throw new Error(told);
  throw new PassingFailure(told, { retryAfterMs: retryAfterMs(response.headers.get('retry-after')) });
}

const MOST_REDIRECTIONS = 5;

async function follow(url: string, fetchUrl: (address: string) => Promise<Response>): Promise<Response> {
  let address = url;
  for (let count = 0; count <= MOST_REDIRECTIONS; count++) {
    let response: Response;
    try {
      response = await fetchUrl(address);
    } catch (error) {
      throw lost(address, error);
    }
    const next = response.headers.get('location');
    if (next === null || response.status < 300 || response.status >= 400) return response;
    await response.body?.cancel();
    const target = redirectTarget(address, next);
    if (typeof target === 'string') throw new Error(`${address} ${target}`);
    address = target.href;
  }
  throw new Error(`${url} redirects too many times`);
}

/**
 * The error of a lost connection. The message of `fetch` is "fetch failed", and its cause has the reason. Where
 * several addresses failed, the cause has only a code.
 */
function lost(url: string, error: unknown): PassingFailure {
  const hasCause = typeof error === 'object' && error !== null && 'cause' in error && error.cause != null;
  const cause = hasCause ? error.cause : error;
  const told = errorMessage(cause) || (errorCode(cause) ?? 'the connection failed');
  return new PassingFailure(`${url} cannot be reached: ${told}`, { cause: error });
}

async function sha512Of(file: string): Promise<string> {
  const hash = createHash('sha512');
  await pipeline(createReadStream(file), hash);
  return hash.digest('base64');
}

async function makeDurable(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
