import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { portOf } from './port-of.js';

/** The faults of a feed. */
export interface Mischief {
  /** Requests whose address has this ending get this status. */
  readonly status?: readonly [ending: string, status: number];
  /** Each answer is a web page, like the log-in pages of networks. */
  readonly page?: boolean;
  /** The connection of the package ends after this many bytes, this many times. */
  readonly cut?: { readonly bytes: number; times: number };
  /** The feed's catalogue lists a wrong hash of the package. */
  readonly otherHash?: boolean;
  /** The feed has no catalogue. */
  readonly withoutHash?: boolean;
}

/** A NuGet feed (https://learn.microsoft.com/en-us/nuget/api/overview) on this machine, with one package in one version. */
export class NugetFeed {
  readonly seen: string[] = [];
  mischief: Mischief = {};
  readonly #server = createServer((request, response) => this.#answer(request, response));
  readonly #name: string;
  readonly #version: string;
  archive: Buffer;

  constructor(name: string, version: string, content: Buffer) {
    this.#name = name.toLowerCase();
    this.#version = version;
    this.archive = content;
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  get index(): string {
    return `${this.#base}/v3/index.json`;
  }

  get #base(): string {
    return `http://127.0.0.1:${portOf(this.#server)}`;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? '';
    this.seen.push(url);
    const { status, page } = this.mischief;
    if (status !== undefined && url.endsWith(status[0])) {
      response.writeHead(status[1]).end('no');
      return;
    }
    if (page === true) {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>log in</html>');
      return;
    }
    if (url.endsWith('.nupkg')) this.#sendPackage(response);
    else {
      const document = this.#document(url);
      response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(document ?? {}));
    }
  }

  #document(url: string): unknown {
    const base = this.#base;
    const registrations = { '@type': 'RegistrationsBaseUrl/3.6.0', '@id': `${base}/registration/` };
    const packages = { '@type': 'PackageBaseAddress/3.0.0', '@id': `${base}/flat/` };
    const hash = createHash('sha512').update(this.archive);
    if (this.mischief.otherHash === true) hash.update('and more');
    const documents: Record<string, unknown> = {
      '/v3/index.json': {
        version: '3.0.0',
        resources: this.mischief.withoutHash === true ? [packages] : [registrations, packages],
      },
      [`/flat/${this.#name}/index.json`]: { versions: [this.#version] },
      [`/registration/${this.#name}/${this.#version}.json`]: { catalogEntry: `${base}/catalog/it.json` },
      '/catalog/it.json': { packageHash: hash.digest('base64'), packageHashAlgorithm: 'SHA512' },
    };
    return documents[url];
  }

  #sendPackage(response: ServerResponse): void {
    const { cut } = this.mischief;
    response.writeHead(200, { 'content-length': this.archive.length });
    if (cut === undefined || cut.times === 0) {
      response.end(this.archive);
      return;
    }
    cut.times--;
    response.write(this.archive.subarray(0, cut.bytes), () => setImmediate(() => response.destroy()));
  }
}
