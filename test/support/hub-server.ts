import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { portOf } from './port-of.js';

/**
 * A file of a repository. As at the real hub, another host serves large files, and the listing has their
 * SHA-256.
 */
export interface ServedFile {
  readonly bytes: Buffer;
  readonly large?: boolean;
  /** A wrong value for the listing. */
  readonly listedSha256?: string;
  readonly listedOid?: string;
}

export interface SeenRequest {
  readonly host: 'hub' | 'store';
  readonly path: string;
  readonly range: string | null;
  readonly authorization: string | null;
  readonly status: number;
}

/** How the file server misbehaves in the next requests. */
export interface Mischief {
  /** Connections that end after a number of bytes of an answer, one for each entry. */
  cutsAfter: number[];
  ignoreRanges: boolean;
  /**
   * Replaces the tag of every file. With `ignoreIfRange`, an answer to `Range` still begins at the byte that
   * was asked for.
   */
  etag: string | null;
  ignoreIfRange: boolean;
  /** How many requests are answered with 503 first. */
  busy: number;
  /** Answers 401 or 403 in the words of a gated repository. */
  gated: 401 | 403 | null;
  /** Sends half of a large file, and nothing more. */
  slowly: boolean;
}

export const COMMIT = 'a'.repeat(40);

/**
 * A small model hub over HTTP: one port for the interface and small files, one for the large files to which
 * it redirects.
 */
export class HubServer {
  readonly seen: SeenRequest[] = [];
  readonly mischief: Mischief = {
    cutsAfter: [],
    ignoreRanges: false,
    etag: null,
    ignoreIfRange: false,
    busy: 0,
    gated: null,
    slowly: false,
  };
  /** The commit of `main` of some repositories; COMMIT for all others. */
  readonly commits: Record<string, string> = {};
  /** Entries on one page of a listing. */
  pageSize = 1000;
  readonly #repositories: Readonly<Record<string, Readonly<Record<string, ServedFile>>>>;
  readonly #hub: Server;
  readonly #store: Server;

  constructor(repositories: Readonly<Record<string, Readonly<Record<string, ServedFile>>>>) {
    this.#repositories = repositories;
    this.#hub = createServer((request, response) => this.#answer('hub', request, response));
    this.#store = createServer((request, response) => this.#answer('store', request, response));
  }

  async start(): Promise<void> {
    for (const server of [this.#hub, this.#store]) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    }
  }

  async stop(): Promise<void> {
    for (const server of [this.#hub, this.#store]) {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    }
  }

  get endpoint(): string {
    return `http://127.0.0.1:${portOf(this.#hub)}`;
  }

  /** Requests for the bytes of files. */
  get downloads(): SeenRequest[] {
    return this.seen.filter(({ path, status }) => !path.startsWith('/api') && status !== 302);
  }

  #answer(host: 'hub' | 'store', request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.endpoint);
    const { range = null, authorization = null } = request.headers;
    const finish = (status: number, headers: Record<string, string>, body: Buffer | string = ''): void => {
      this.seen.push({ host, path: pathname, range, authorization, status });
      response.writeHead(status, headers);
      this.#send(response, Buffer.from(body), headers['content-range'] !== undefined || status === 200);
    };
    if (this.mischief.busy > 0) {
      this.mischief.busy--;
      finish(503, {});
      return;
    }
    if (this.mischief.gated !== null) {
      finish(this.mischief.gated, {
        'x-error-code': 'GatedRepo',
        'x-error-message': 'Access is restricted.',
      });
      return;
    }
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/.exec(pathname);
    const file = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(pathname);
    const files = this.#repositories[(api ?? file)?.[1] ?? ''];
    if (files === undefined) finish(404, { 'x-error-code': 'RepoNotFound' });
    else if (api?.[2] === 'revision') {
      const sha = this.commits[api[1]!] ?? COMMIT;
      if (api[3] === 'main' || api[3] === sha) finish(200, {}, JSON.stringify({ id: api[1], sha }));
      else finish(404, { 'x-error-code': 'RevisionNotFound' });
    } else if (api !== null) this.#list(files, pathname, Number(searchParams.get('from') ?? 0), finish);
    else {
      const served = files[decodeURIComponent(file![3]!)];
      if (served === undefined) finish(404, { 'x-error-code': 'EntryNotFound' });
      else if (served.large === true && host === 'hub') {
        finish(302, { location: `http://127.0.0.1:${portOf(this.#store)}${pathname}` });
      } else this.#serve(served, request, finish);
    }
  }

  #list(
    files: Readonly<Record<string, ServedFile>>,
    pathname: string,
    from: number,
    finish: (status: number, headers: Record<string, string>, body: string) => void,
  ): void {
    const entries = Object.entries(files).map(([path, { bytes, large, listedSha256, listedOid }]) => ({
      type: 'file',
      path,
      size: bytes.length,
      oid: listedOid ?? gitOid(bytes),
      ...(large === true && {
        lfs: { oid: listedSha256 ?? sha256(bytes), size: bytes.length, pointerSize: 134 },
      }),
    }));
    const all = [{ type: 'directory', path: 'onnx', size: 0, oid: '0' }, ...entries];
    const to = from + this.pageSize;
    const next = `<${this.endpoint}${pathname}?recursive=true&from=${to}>; rel="next"`;
    finish(200, to < all.length ? { link: next } : {}, JSON.stringify(all.slice(from, to)));
  }

  #serve(
    { bytes }: ServedFile,
    { headers }: IncomingMessage,
    finish: (status: number, headers: Record<string, string>, body?: Buffer) => void,
  ): void {
    const etag = this.mischief.etag ?? `"${sha256(bytes).slice(0, 16)}"`;
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? Number.NaN);
    const sameFile =
      headers['if-range'] === undefined || headers['if-range'] === etag || this.mischief.ignoreIfRange;
    if (Number.isNaN(from) || this.mischief.ignoreRanges || !sameFile) {
      finish(200, { etag, 'content-length': String(bytes.length) }, bytes);
    } else if (from >= bytes.length) finish(416, {});
    else {
      const rest = bytes.subarray(from);
      const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
      finish(206, { etag, 'content-length': String(rest.length), 'content-range': range }, rest);
    }
  }

  #send(response: ServerResponse, body: Buffer, isContent: boolean): void {
    const cut = isContent && body.length > 100_000 ? this.mischief.cutsAfter.shift() : undefined;
    if (cut !== undefined) {
      // With a delay, since fetch forgets bytes that it has not read when a connection ends.
      response.write(body.subarray(0, cut), () => setTimeout(() => response.destroy(), cut > 0 ? 200 : 0));
    } else if (this.mischief.slowly && body.length > 100_000) {
      // The rest never comes.
      response.write(body.subarray(0, body.length / 2));
    } else response.end(body);
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function gitOid(bytes: Uint8Array): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}
