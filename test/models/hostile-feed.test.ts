import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { errorMessage } from '../../common/errors.js';
import { extractZipEntry } from '../../models/files/zip-entry.js';
import type { CudaProvider } from '../../models/onnx/cuda.js';
import { fetchCudaProvider } from '../../models/onnx/cuda-download.js';
import { zipArchive } from '../support/zip-archive.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { portOf } from '../../workers/processes/free-ports.js';

let server: Server;
/** The feed's answer for each path. */
let answers: Record<string, { readonly headers?: Record<string, string>; readonly body: string | Buffer }>;
let folder: string;
beforeEach(async () => {
  folder = temporaryFolder();
  server = createServer(({ url }, response) => {
    const { headers = {}, body } = answers[url!] ?? { body: '{}' };
    response.writeHead(headers['location'] === undefined ? 200 : 302, headers).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function provider(): CudaProvider {
  const metadata = join(folder, 'metadata.cjs');
  const port = portOf(server);
  const file = { package: 'p', path: 'lib/provider.so' };
  const listed = {
    manifests: { 'linux/x64:cuda13': { './provider.so': file } },
    packages: { p: { name: 'Provider', versions: [{ feed: 'f', version: '1.0.0' }] } },
    feeds: { f: { type: 'nuget', index: `http://127.0.0.1:${port}/index.json` } },
  };
  writeFileSync(metadata, `module.exports = ${JSON.stringify(listed)}`);
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  return { metadata, library: join(bin, 'provider.so'), record: join(bin, 'record.json') };
}

async function failure(): Promise<string> {
  const options = { signal: new AbortController().signal, onLine: () => undefined, delaysMs: [] };
  const told = await fetchCudaProvider(provider(), options).then(() => 'it was fetched', errorMessage);
  expect(readdirSync(join(folder, 'bin'))).toEqual([]);
  return told;
}

test("the rest of a document that is longer than any feed's is not read, even where it is compressed", async () => {
  const body = gzipSync(Buffer.alloc(2 ** 27, ' '));
  answers = { '/index.json': { headers: { 'content-encoding': 'gzip' }, body } };
  expect(await failure()).toMatch(/answered with more than 16777216 bytes/);
});

test('a feed leads to addresses of HTTP only, by a redirect and by its documents', async () => {
  answers = { '/index.json': { headers: { location: 'data:application/json,{}' }, body: '' } };
  expect(await failure()).toMatch(/leads to an address of data: and not of HTTP; not followed/);
});

test('a feed whose documents name other addresses is not followed', async () => {
  const packages = { '@type': 'PackageBaseAddress/3.0.0', '@id': 'file:///etc/' };
  answers = { '/index.json': { body: JSON.stringify({ resources: [packages] }) } };
  expect(await failure()).toMatch(/leads to an address of file: and not of HTTP; not followed/);
});

test("the rest of an archive's file that is longer than its list says is not unpacked", async () => {
  const archive = zipArchive({ 'a.so': Buffer.alloc(2 ** 26) });
  // The length in the list.
  const listed = archive.lastIndexOf(Buffer.from([0x50, 0x4b, 1, 2]));
  archive.writeUInt32LE(1000, listed + 24);
  const [path, target] = [join(folder, 'a.zip'), join(folder, 'a.so')];
  writeFileSync(path, archive);
  await expect(extractZipEntry(path, 'a.so', target)).rejects.toThrow(/longer than the archive says/);
});

test('a list of files that is longer than its archive is no list', async () => {
  const archive = zipArchive({ 'a.so': Buffer.alloc(10) });
  archive.writeUInt32LE(0xfffffff0, archive.length - 22 + 12);
  const path = join(folder, 'a.zip');
  writeFileSync(path, archive);
  await expect(extractZipEntry(path, 'a.so', join(folder, 'a.so'))).rejects.toThrow(
    /its list of files is damaged/,
  );
});
