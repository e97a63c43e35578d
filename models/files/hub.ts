import { z } from 'zod';
import { errorMessage, PanicError } from '../../common/errors.js';
import { keepSecrets } from '../../common/secrets.js';
import { quoted } from '../../common/problems.js';
import { relativePathProblem } from '../../common/relative-path.js';
import { excerptOf, onOneLine } from '../../common/text.js';
import { fetchThrough, type Proxies } from './proxied-fetch.js';
import { redirectTarget } from './redirects.js';
import { isBusyStatus, PassingFailure, retryAfterMs } from '../retry.js';

/** A hub that speaks the HTTP interface of huggingface.co (https://huggingface.co/docs/hub/api). */
export interface Hub {
  /** For example `https://huggingface.co`, without a slash at the end. */
  readonly endpoint: string;
  /** Goes to the endpoint's own origin and to no other; never stored or printed. */
  readonly token: string | undefined;
  /** For requests to the hub and to the hosts to which it redirects. */
  readonly proxies?: Proxies;
  /** A connection is lost after so long a silence. Default: a minute. */
  readonly silenceMs?: number;
}

/** A file of a repository at one commit. */
export interface HubFile {
  readonly path: string;
  readonly bytes: number;
  /** The hub has it for large files, which it stores by this hash. */
  readonly sha256: string | null;
  /** Git's name for the content of other files: SHA-1 of a header and the bytes. */
  readonly gitOid: string | null;
}

const MOST_REDIRECTS = 8;
/** A connection is lost after so long a silence. */
const SILENCE_MS = 60_000;

/** The most bytes of a page after decompression. A page of the hub has a thousand files, in some hundred kilobytes. */
const MOST_PAGE_BYTES = 2 ** 24;
const MOST_PAGES = 200;
const MOST_FILES = 100_000;
/** The most bytes of one file. The largest files have some hundred gigabytes. */
const MOST_FILE_BYTES = 2 ** 42;
/** The longest answer, as a multiple of the silence. A server may otherwise send single bytes forever. */
const LONGEST_ANSWER = 5;

const revisionAnswer = z.object({ sha: z.string().regex(/^[0-9a-f]{40}$/) });
const fileSize = z.int().min(0).max(MOST_FILE_BYTES);
const gitName = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/);
/** Files, folders, and repositories within the repository. */
const treeAnswer = z.array(z.looseObject({ type: z.string() }));
const fileEntry = z.object({
  path: z.string(),
  size: fileSize,
  oid: gitName,
  lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: fileSize }).optional(),
});

/** The commit to which a branch, a tag or a commit leads now. Throws as `request` does. */
export async function commitOf(
  hub: Hub,
  repository: string,
  revision: string,
  signal: AbortSignal,
): Promise<string> {
  const url = `${hub.endpoint}/api/models/${repository}/revision/${encodeURIComponent(revision)}`;
  return answerOf(revisionAnswer, await jsonFrom(hub, repository, url, signal), url).sha;
}

/** Every file of a repository at a commit, by its path. Throws as `request` does. */
export async function filesAt(
  hub: Hub,
  repository: string,
  commit: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, HubFile>> {
  const files = new Map<string, HubFile>();
  let url: string | null = `${hub.endpoint}/api/models/${repository}/tree/${commit}?recursive=true`;
  for (let pages = 1; url !== null; pages++) {
    const response: Response = await request(hub, repository, url, {}, signal);
    for (const entry of answerOf(treeAnswer, await bodyOf(hub, response, url, signal), url)) {
      if (entry.type !== 'file') continue;
      const { path, size, oid, lfs } = answerOf(fileEntry, entry, url);
      // No catalogue can name such a file.
      if (relativePathProblem(path) !== null) continue;
      if (files.has(path)) throw noHub(url, `it lists ${quoted(path)} twice`);
      const hashes = lfs === undefined ? { sha256: null, gitOid: oid } : { sha256: lfs.oid, gitOid: null };
      files.set(path, { path, bytes: lfs?.size ?? size, ...hashes });
    }
    if (files.size > MOST_FILES) throw noHub(url, `it lists more than ${MOST_FILES} files`);
    url = nextPage(hub, response, url);
    if (url !== null && pages === MOST_PAGES) throw noHub(url, `its list has more than ${MOST_PAGES} pages`);
  }
  return files;
}

/**
 * The bytes of a file from `from` on. The answer has status 206 and begins there, or 200 and begins at 0, as where
 * the file no longer has the tag `etag`. Throws as `request` does.
 */
export async function openHubFile(
  hub: Hub,
  repository: string,
  commit: string,
  path: string,
  resume: { readonly from: number; readonly etag: string | null },
  signal: AbortSignal,
): Promise<Response> {
  const url = `${hub.endpoint}/${repository}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
  // Sizes and ranges are those of the file only where no server compresses it.
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (resume.from > 0) {
    headers['range'] = `bytes=${resume.from}-`;
    // This header may not carry a weak tag (RFC 9110, 13.1.5). `download` compares a weak tag with the answer's.
    if (resume.etag !== null && !resume.etag.startsWith('W/')) headers['if-range'] = resume.etag;
  }
  return request(hub, repository, url, headers, signal);
}

async function jsonFrom(hub: Hub, repository: string, url: string, signal: AbortSignal): Promise<unknown> {
  return bodyOf(hub, await request(hub, repository, url, {}, signal), url, signal);
}

async function bodyOf(hub: Hub, response: Response, url: string, signal: AbortSignal): Promise<unknown> {
  const { silenceMs = SILENCE_MS } = hub;
  const bytes = await bodyWithin(response, MOST_PAGE_BYTES, signal, silenceMs);
  if (bytes === null) throw noHub(url, `its answer has more than ${MOST_PAGE_BYTES} bytes`);
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch (error) {
    throw new PassingFailure(`the answer of ${url} is no JSON`, { cause: error });
  }
}

function answerOf<T>(schema: z.ZodType<T>, answer: unknown, url: string): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw noHub(url, excerptOf(z.prettifyError(parsed.error), 1000));
}

function noHub(url: string, why: string): PanicError {
  return new PanicError('InvalidInput', `${url} does not answer as a model hub does: ${why}`);
}

/**
 * The hub lists a thousand entries at a time and links to the next page (RFC 8288). That page must be the hub's
 * own, since the token goes there.
 */
function nextPage(hub: Hub, response: Response, url: string): string | null {
  const next = /<([^>]+)>;\s*rel="?next"?/.exec(response.headers.get('link') ?? '')?.[1];
  if (next === undefined) return null;
  const target = URL.canParse(next, url) ? new URL(next, url) : null;
  if (target?.origin === new URL(hub.endpoint).origin) return target.href;
  throw noHub(url, `its next page ${quoted(next)} is not its own`);
}

/**
 * Sends a request and follows redirects. The token goes to the hub's own origin only, since other hosts send the
 * files. Throws PassingFailure where a retry may help, PanicError `ModelFilesMissing` where the hub refuses access
 * or has nothing of that name, and the signal's reason.
 */
async function request(
  hub: Hub,
  repository: string,
  start: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> {
  keepSecrets([{ name: 'HF_TOKEN', value: hub.token ?? '' }]);
  const { origin } = new URL(hub.endpoint);
  let url = start;
  for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
    const own = new URL(url).origin === origin && hub.token !== undefined;
    const authorization = own ? { authorization: `Bearer ${hub.token}` } : {};
    const response = await answerWithin(hub, url, { ...headers, ...authorization }, signal);
    const location = response.headers.get('location');
    if (response.status < 300 || response.status > 399 || location === null) {
      // 416: the part of an earlier attempt is longer than the file.
      if (response.ok || response.status === 416) return response;
      const failure = failureOf(hub, repository, url, response);
      await response.body?.cancel();
      throw failure;
    }
    await response.body?.cancel();
    const target = redirectTarget(url, location);
    if (typeof target === 'string') throw new PanicError('ModelFilesMissing', `${url} ${target}`);
    url = target.href;
  }
  throw new PanicError('ModelFilesMissing', `${start} redirects more than ${MOST_REDIRECTS} times`);
}

/** The innermost cause of an error: fetch wraps the reason, sometimes twice. */
function rootOf(error: unknown): unknown {
  const cause: unknown = typeof error === 'object' && error !== null && 'cause' in error ? error.cause : null;
  return cause === null || cause === undefined ? error : rootOf(cause);
}

async function answerWithin(
  hub: Hub,
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Response> {
  const waiting = new AbortController();
  const { silenceMs = SILENCE_MS } = hub;
  const timer = setTimeout(() => waiting.abort(), silenceMs);
  try {
    const either = AbortSignal.any([signal, waiting.signal]);
    const ask = await fetchThrough(hub.proxies);
    return await ask(url, { headers, redirect: 'manual', signal: either });
  } catch (error) {
    signal.throwIfAborted();
    const why = waiting.signal.aborted
      ? `no answer within ${silenceMs / 1000} s`
      : errorMessage(rootOf(error));
    const way = hub.proxies === undefined ? '' : ', by way of the proxy that the environment names';
    throw new PassingFailure(`${new URL(url).origin} cannot be reached${way}: ${why}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function failureOf(hub: Hub, repository: string, url: string, { status, headers }: Response): Error {
  if (isBusyStatus(status)) {
    return new PassingFailure(`${new URL(url).origin} answers ${status}`, {
      retryAfterMs: retryAfterMs(headers.get('retry-after')),
    });
  }
  const page = `${hub.endpoint}/${repository}`;
  const code = headers.get('x-error-code');
  const told = headers.get('x-error-message');
  const said = told === null ? '' : ` The hub says: ${excerptOf(onOneLine(told), 300)}`;
  return new PanicError(
    'ModelFilesMissing',
    `${explained(status, code, page, repository, hub.token)}${said}`,
  );
}

function explained(
  status: number,
  code: string | null,
  page: string,
  repository: string,
  token: string | undefined,
): string {
  if (code === 'RevisionNotFound') return `${repository} has no such revision (${page})`;
  if (code === 'EntryNotFound') return `${repository} lacks a file that the catalogue names (${page})`;
  if (status === 401 || status === 403) {
    const cannot =
      code === 'GatedRepo'
        ? `${repository} is gated`
        : `${page} refuses access (${status}): it is gated, private or not there`;
    return token === undefined
      ? `${cannot}. Agree to its terms on ${page}, make an access token in your account's settings, and give it as HF_TOKEN.`
      : `${cannot}, also for the account of HF_TOKEN. Agree to its terms on ${page} with that account, and see that the token may read gated repositories.`;
  }
  return status === 404 ? `there is no ${page} (404)` : `${page} answers ${status}`;
}

/**
 * An answer's body; null where it has more than `most` bytes, of which the rest is not read. Throws as `chunksOf`
 * does, and PassingFailure where the answer takes too long as a whole.
 */
export async function bodyWithin(
  response: Response,
  most: number,
  signal: AbortSignal,
  silenceMs = SILENCE_MS,
): Promise<Buffer | null> {
  const longestMs = LONGEST_ANSWER * silenceMs;
  const until = performance.now() + longestMs;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunksOf(response, signal, silenceMs)) {
    bytes += chunk.length;
    if (bytes > most) return null;
    chunks.push(chunk);
    if (performance.now() > until)
      throw new PassingFailure(`the answer of ${response.url} had no end within ${longestMs / 1000} s`);
  }
  return Buffer.concat(chunks);
}

/**
 * The chunks of an answer's body. Throws PassingFailure where the connection is lost or silent, and the signal's
 * reason.
 */
export async function* chunksOf(
  response: Response,
  signal: AbortSignal,
  silenceMs = SILENCE_MS,
): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await withinSilence(reader.read(), signal, silenceMs);
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function withinSilence<T>(work: Promise<T>, signal: AbortSignal, silenceMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new PassingFailure(`nothing came for ${silenceMs / 1000} s`)), silenceMs);
  });
  try {
    return await Promise.race([work, silence]);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof PassingFailure) throw error;
    throw new PassingFailure(`the connection was lost: ${errorMessage(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** Pauses before the second, third, ... attempt, milliseconds. */
export const RETRY_DELAYS_MS: readonly number[] = [500, 1000, 2000, 4000, 8000];
