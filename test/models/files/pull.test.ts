import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type EmbeddingModel, type Model, wholeRevision } from '../../../experiment/model.js';
import { pinnedModel } from '../../../models/files/lock.js';
import {
  plannedRemoval,
  pullModels,
  readinessOf,
  readLock,
  removeModel,
  resolveModelFiles,
  type PullOutcome,
  verifyModel,
} from '../../../models/index.js';
import { hubAccess } from '../../../workers/settings/hub-access.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { HttpProxy } from './http-proxy.js';
import { COMMIT, HubServer, sha256 } from '../../support/hub-server.js';
import { model as graph, node, tinyGraph } from '../../support/onnx-bytes.js';
import { tinyModel } from './tiny-model.js';

const TOKEN = 'hf_secret-of-the-test';
const config = Buffer.from('{"a": 1}');
const weights = Buffer.alloc(3_000_000, 'weights of the model ');
const FILES = ['config.json', 'onnx/model.onnx', 'onnx/model.onnx_data'] as const;

const repository = {
  'config.json': { bytes: config },
  'README.md': { bytes: Buffer.from('not needed') },
  'onnx/model.onnx': { bytes: tinyGraph },
  'onnx/model.onnx_data': { bytes: weights, large: true },
};

function modelOf(more: Parameters<typeof tinyModel>[0] = {}): EmbeddingModel {
  return tinyModel({ revision: 'main', ...more, weights: { files: FILES, ...more.weights } });
}

let hub: HubServer;
let folder: string;
let notices: string[];

function serve(...repositories: ConstructorParameters<typeof HubServer>): Promise<void> {
  hub = new HubServer(...repositories);
  return hub.start();
}

beforeEach(async () => {
  folder = temporaryFolder();
  notices = [];
  await serve({ 'owner/tiny': repository });
});
afterEach(() => hub.stop());

interface Settings {
  readonly token?: string;
  readonly free?: number;
  readonly signal?: AbortSignal;
  readonly onBytes?: (bytes: number) => void;
}

async function pull(
  models: readonly EmbeddingModel[] = [modelOf()],
  { token, free, signal, onBytes }: Settings = {},
): Promise<PullOutcome[]> {
  return await pullModels(models, {
    modelsFolder: folder,
    hub: { endpoint: hub.endpoint, token },
    signal: signal ?? new AbortController().signal,
    onProgress: ({ bytes }) => onBytes?.(bytes),
    onNotice: (sentence) => notices.push(sentence),
    retryDelaysMs: [1, 1, 1],
    ...(free !== undefined && { freeBytes: async () => free }),
  });
}

async function failureOf(...asked: Parameters<typeof pull>): Promise<string> {
  const [outcome] = await pull(...asked);
  if (outcome?.ok !== false) throw new Error('it was expected to fail');
  return outcome.error.message;
}

const there = (path: string): string => join(folder, `owner/tiny@${COMMIT}`, path);

// Jest compares buffers byte by byte, which takes a minute for these.
const weightsAreThere = (): boolean => readFileSync(there('onnx/model.onnx_data')).equals(weights);

const tokens = (host: string): Set<string | null> =>
  new Set(hub.seen.filter((request) => request.host === host).map(({ authorization }) => authorization));

describe('a pull', () => {
  test('gets the files that the catalogue names, and locks their commit and hashes', async () => {
    hub.pageSize = 2;
    const [outcome] = await pull();
    expect(outcome).toMatchObject({ ok: true, model: { name: 'Tiny', commit: COMMIT } });
    expect(weightsAreThere()).toBe(true);
    expect(existsSync(there('README.md'))).toBe(false);
    expect(readLock(folder).models['Tiny']).toMatchObject({
      source: 'hub:owner/tiny',
      revision: 'main',
      commit: COMMIT,
      folder: `owner/tiny@${COMMIT}`,
      origin: 'pulled',
      files: FILES.map((path) => ({
        path,
        sha256: sha256(repository[path].bytes),
      })),
    });
  });

  test('of files that are present asks for no bytes, and keeps the pinned commit', async () => {
    await pull();
    hub.seen.length = 0;
    const [outcome] = await pull();
    expect(outcome).toMatchObject({ ok: true, model: { downloadedBytes: 0 } });
    expect(hub.downloads).toEqual([]);
    expect(hub.seen.map(({ path }) => path)).not.toContain('/api/models/owner/tiny/revision/main');
  });

  test('gets a changed file again, and no other file', async () => {
    await pull();
    writeFileSync(there('onnx/model.onnx_data'), Buffer.alloc(weights.length, 'x'));
    hub.seen.length = 0;
    await pull();
    expect(hub.downloads.map(({ path }) => path)).toEqual([
      `/owner/tiny/resolve/${COMMIT}/onnx/model.onnx_data`,
    ]);
    expect(weightsAreThere()).toBe(true);
  });

  test('gives the token to the hub, and not to the host that sends the files', async () => {
    await pull([modelOf()], { token: TOKEN });
    expect(tokens('hub')).toEqual(new Set([`Bearer ${TOKEN}`]));
    expect(tokens('store')).toEqual(new Set([null]));
    expect(readFileSync(join(folder, 'models.lock.json'), 'utf8')).not.toContain(TOKEN);
  });

  test('by one process waits for that of another', async () => {
    const outcomes = await Promise.all([pull(), pull()]);
    expect(outcomes.flat().map(({ ok }) => ok)).toEqual([true, true]);
    expect(hub.downloads).toHaveLength(FILES.length);
    expect(notices.join()).toMatch(/waiting for it/);
  });

  test('of two models gets the one where the other fails', async () => {
    const outcomes = await pull([modelOf({ name: 'Lost', source: 'hub:owner/lost' }), modelOf()]);
    expect(outcomes.map(({ ok }) => ok)).toEqual([false, true]);
    expect(Object.keys(readLock(folder).models)).toEqual(['Tiny']);
  });
});

const rangesAsked = (): (string | null)[] =>
  hub.downloads.filter(({ path }) => path.endsWith('_data')).map(({ range }) => range);

describe('a connection that is lost', () => {
  test('within a file is continued where it broke', async () => {
    hub.mischief.cutsAfter = [1_000_000, 500_000];
    const [outcome] = await pull();
    expect(outcome?.ok).toBe(true);
    expect(weightsAreThere()).toBe(true);
    const [first, second, third] = rangesAsked();
    expect([first, second, third]).toEqual([null, 'bytes=1000000-', 'bytes=1500000-']);
    expect(outcome).toMatchObject({
      model: { downloadedBytes: weights.length + config.length + tinyGraph.length },
    });
    expect(notices.join()).toMatch(/again in 0\.0 s/);
  });

  test('by Ctrl-C is continued by the next pull', async () => {
    hub.mischief.slowly = true;
    const controller = new AbortController();
    const reason = new Error('stopped');
    const stopped = pull([modelOf()], {
      signal: controller.signal,
      onBytes: (bytes) => bytes > weights.length / 3 && controller.abort(reason),
    });
    await expect(stopped).rejects.toBe(reason);
    expect(existsSync(there('onnx/model.onnx_data'))).toBe(false);
    const { size } = statSync(there('onnx/model.onnx_data.part'));
    hub.mischief.slowly = false;
    hub.seen.length = 0;
    expect((await pull())[0]?.ok).toBe(true);
    expect(rangesAsked()).toEqual([`bytes=${size}-`]);
    expect(weightsAreThere()).toBe(true);
    expect(existsSync(there('onnx/model.onnx_data.part'))).toBe(false);
  });

  test('makes the file begin anew where the server has no ranges', async () => {
    hub.mischief.cutsAfter = [1_000_000];
    hub.mischief.ignoreRanges = true;
    expect((await pull())[0]?.ok).toBe(true);
    expect(weightsAreThere()).toBe(true);
  });

  test.each([false, true])(
    'makes the file begin anew where it has another tag (server ignores If-Range: %s)',
    async (ignores) => {
      hub.mischief.cutsAfter = [1_000_000, 0, 0, 0];
      await pull();
      // Fetch may lose the last bytes before the end of the connection.
      expect(statSync(there('onnx/model.onnx_data.part')).size).toBeLessThanOrEqual(1_000_000);
      hub.mischief.cutsAfter = [];
      // The part belongs to another file. Continuing it would give a wrong whole.
      writeFileSync(there('onnx/model.onnx_data.part'), Buffer.alloc(1_000_000, 'x'));
      hub.mischief.etag = '"another"';
      hub.mischief.ignoreIfRange = ignores;
      expect((await pull())[0]?.ok).toBe(true);
      expect(weightsAreThere()).toBe(true);
    },
  );

  test('after bytes of another file: the whole file comes again', async () => {
    hub.mischief.cutsAfter = [1_000_000, 0, 0, 0];
    await pull();
    writeFileSync(there('onnx/model.onnx_data.part'), Buffer.alloc(weights.length, 'x'));
    hub.mischief.cutsAfter = [];
    expect((await pull())[0]?.ok).toBe(true);
    expect(weightsAreThere()).toBe(true);
  });

  test('again and again ends with the number of attempts, and leaves no file of that name', async () => {
    hub.mischief.cutsAfter = [1000, 0, 0, 0, 0];
    expect(await failureOf()).toMatch(/the connection .*\(tried 4 times\)/);
    expect(existsSync(there('onnx/model.onnx_data'))).toBe(false);
    expect(readLock(folder).models).toEqual({});
  });

  test('to a busy server is tried again', async () => {
    hub.mischief.busy = 2;
    expect((await pull())[0]?.ok).toBe(true);
    expect(notices.join()).toMatch(/answers 503; again/);
  });

  test('to a hub that does not answer is an error', async () => {
    const { endpoint } = hub;
    await hub.stop();
    const [outcome] = await pullModels([modelOf()], {
      modelsFolder: folder,
      hub: { endpoint, token: undefined },
      signal: new AbortController().signal,
      onProgress: () => undefined,
      onNotice: () => undefined,
      retryDelaysMs: [],
    });
    expect(outcome).toMatchObject({
      ok: false,
      error: {
        message: expect.stringMatching(/cannot be reached: .*ECONNREFUSED/) as unknown,
      },
    });
    await hub.start();
  });
});

const withFile = async (path: keyof typeof repository, wrong: object): Promise<void> => {
  await hub.stop();
  await serve({ 'owner/tiny': { ...repository, [path]: { ...repository[path], ...wrong } } });
};

describe('a file with wrong bytes', () => {
  test('by its SHA-256 is deleted', async () => {
    await withFile('onnx/model.onnx_data', { listedSha256: 'f'.repeat(64) });
    expect(await failureOf()).toMatch(
      /its SHA-256 is [0-9a-f]{64}, and should be f{64}\. It was thrown away/,
    );
    expect(existsSync(there('onnx/model.onnx_data'))).toBe(false);
    expect(existsSync(there('onnx/model.onnx_data.part'))).toBe(false);
    expect(readLock(folder).models).toEqual({});
  });

  test("by git's name for its content, where the hub has no SHA-256, is deleted", async () => {
    await withFile('config.json', { listedOid: '0'.repeat(40) });
    expect(await failureOf()).toMatch(/config\.json did not arrive as it should: its git object is/);
  });

  test('by the catalogue is not even downloaded', async () => {
    const known = { 'onnx/model.onnx_data': { sha256: 'e'.repeat(64) } };
    expect(await failureOf([modelOf({ weights: { known } })])).toMatch(
      /is not the file that is wanted \(3000000 bytes, SHA-256 e{64}\)/,
    );
    expect(hub.downloads).toEqual([]);
  });

  test('that the repository does not have is an error with the nearest name', async () => {
    const files = ['config.json', 'onnx/model.onx'];
    expect(await failureOf([modelOf({ weights: { files } })])).toMatch(
      /has no file onnx\/model\.onx .*did the catalogue mean onnx\/model\.onnx\?/,
    );
  });

  test('a graph with custom operators does not get into the lock', async () => {
    await withFile('onnx/model.onnx', { bytes: graph([node('Sneak', 'my.ops')]) });
    expect(await failureOf()).toMatch(/custom operators are off/);
    expect(readLock(folder).models).toEqual({});
  });
});

describe('a gated model', () => {
  test('without a token is an error with the page to visit', async () => {
    hub.mischief.gated = 401;
    const message = await failureOf();
    expect(message).toContain(`owner/tiny is gated. Agree to its terms on ${hub.endpoint}/owner/tiny`);
    expect(message).toMatch(/give it as HF_TOKEN.*The hub says: Access is restricted\./);
  });

  test('with a token without access is an error that does not show the token', async () => {
    hub.mischief.gated = 403;
    const message = await failureOf([modelOf()], { token: TOKEN });
    expect(message).toMatch(/is gated, also for the account of HF_TOKEN/);
    expect(message).not.toContain(TOKEN);
  });
});

describe('a disk without room', () => {
  test('is an error before any download', async () => {
    const tight = pull([modelOf()], { free: 257 * 2 ** 20 });
    await expect(tight).rejects.toThrow(/3 MiB are to be downloaded into .*, whose disk has 257 MiB free/);
    expect(hub.downloads).toEqual([]);
  });

  test('has room for the rest of a file that has come in part', async () => {
    hub.mischief.cutsAfter = [2_500_000, 0, 0, 0];
    await pull();
    hub.mischief.cutsAfter = [];
    expect((await pull([modelOf()], { free: 257 * 2 ** 20 }))[0]?.ok).toBe(true);
  });
});

async function pullBy(variables: Readonly<Record<string, string>>): Promise<PullOutcome | undefined> {
  const [outcome] = await pullModels([modelOf()], {
    modelsFolder: folder,
    hub: hubAccess({ HF_ENDPOINT: hub.endpoint, ...variables }),
    signal: new AbortController().signal,
    onProgress: () => undefined,
    onNotice: (sentence) => notices.push(sentence),
    retryDelaysMs: [],
  });
  return outcome;
}

describe('behind a proxy', () => {
  let proxy: HttpProxy;
  beforeEach(async () => {
    proxy = new HttpProxy();
    await proxy.start();
  });
  afterEach(() => proxy.stop());

  test('a pull goes through it to the hub and to the host that sends the files, even where it continues a file', async () => {
    hub.mischief.cutsAfter = [1_000_000];
    expect(await pullBy({ HTTP_PROXY: proxy.urlFor('user:secret') })).toMatchObject({ ok: false });
    expect(await pullBy({ http_proxy: proxy.urlFor('user:secret') })).toMatchObject({ ok: true });
    expect(weightsAreThere()).toBe(true);
    expect(rangesAsked().at(-1)).toMatch(/^bytes=\d+-$/);
    expect(new Set(proxy.tunnels).size).toBe(2);
  });

  test('requests to the hosts of NO_PROXY go directly', async () => {
    const variables = { ALL_PROXY: proxy.urlFor('user:secret'), NO_PROXY: 'example.org,127.0.0.1' };
    expect(await pullBy(variables)).toMatchObject({ ok: true });
    expect(proxy.tunnels).toEqual([]);
  });

  test('its refusal is an error that does not show its password', async () => {
    const outcome = await pullBy({ HTTP_PROXY: proxy.urlFor('user:wrong') });
    const message = outcome?.ok === false ? outcome.error.message : '';
    expect(message).toMatch(/cannot be reached, by way of the proxy that the environment names: .*407/);
    expect(message).not.toContain('wrong');
  });
});

describe('a model of two repositories', () => {
  const MAIN = 'b'.repeat(40);
  const decoder = Buffer.alloc(200_000, 'another decoder ');
  const files = [...FILES, 'taesd/decoder/model.bin', 'taesd/decoder/config.json'];
  const component = {
    source: 'hub:other/taesd',
    revision: 'main',
    folder: 'taesd',
    files: ['decoder/model.bin', 'decoder/config.json'],
  };
  const whole = modelOf({
    name: 'Whole',
    weights: { files, components: [component] },
  });

  beforeEach(async () => {
    await hub.stop();
    await serve({
      'owner/tiny': repository,
      'other/taesd': {
        'decoder/model.bin': { bytes: decoder, large: true },
        'decoder/config.json': { bytes: config },
      },
    });
    hub.commits['other/taesd'] = MAIN;
  });

  const pinned = (): Model => pinnedModel(whole, readLock(folder));

  test("has a folder of its own in the catalogue's layout, pinned to both commits", async () => {
    const [outcome] = await pull([whole]);
    const place = `owner/tiny@${COMMIT}+taesd@${MAIN.slice(0, 12)}`;
    expect(outcome).toMatchObject({
      ok: true,
      model: {
        commit: COMMIT,
        components: [{ source: 'hub:other/taesd', commit: MAIN }],
        folder: join(folder, place),
      },
    });
    expect(readFileSync(join(folder, place, 'taesd/decoder/model.bin')).equals(decoder)).toBe(true);
    expect(readFileSync(join(folder, place, 'onnx/model.onnx')).equals(tinyGraph)).toBe(true);
    const entry = readLock(folder).models['Whole'];
    expect(entry).toMatchObject({
      commit: COMMIT,
      components: [{ source: 'hub:other/taesd', revision: 'main', commit: MAIN }],
    });
    expect(entry?.files.map(({ path }) => path)).toEqual(files);
    expect(wholeRevision(pinned())).toBe(`${COMMIT} taesd=hub:other/taesd@${MAIN}`);
    expect(readinessOf(pinned(), folder)).toMatchObject({ state: 'ready' });
    const { files: resolved } = await resolveModelFiles(pinned(), folder);
    expect(resolved.map(({ path }) => path)).toEqual(files);
    // A process that has read its catalogue before would record another model.
    expect(readinessOf(whole, folder)).toMatchObject({ state: 'pinned-since' });
  });

  test('keeps both commits when a branch moves on, and asks for no bytes again', async () => {
    await pull([whole]);
    hub.commits['other/taesd'] = 'd'.repeat(40);
    hub.seen.length = 0;
    expect(await pull([whole])).toMatchObject([{ ok: true, model: { downloadedBytes: 0 } }]);
    expect(hub.downloads).toEqual([]);
    expect(readLock(folder).models['Whole']?.components?.[0]?.commit).toBe(MAIN);
  });

  test('at another commit of its component is another model', () => {
    const other = modelOf({
      name: 'Whole',
      weights: { files, components: [{ ...component, revision: MAIN }] },
    });
    expect(wholeRevision(other)).not.toBe(wholeRevision(whole));
    expect(wholeRevision(other)).toBe(`main taesd=hub:other/taesd@${MAIN}`);
  });

  test('shares large files with a model of the same repository, and needs the disk space once', async () => {
    // Beside the 256 MiB that stay free, there is room for one file of 3 MB and not for two.
    const outcomes = await pull([modelOf(), whole], { free: 260_000_000 + 12_500_000 });
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true]);
    expect(hub.downloads.filter(({ path }) => path.endsWith('_data'))).toHaveLength(1);
    const second = join(readinessFolder(), 'onnx/model.onnx_data');
    expect(statSync(second).ino).toBe(statSync(there('onnx/model.onnx_data')).ino);
    // Deleting one model leaves the other, and frees only its own files.
    const removal = plannedRemoval(pinned(), folder)!;
    expect(removal.files).toHaveLength(files.length);
    expect(removal.bytes).toBe(tinyGraph.length + 2 * config.length + decoder.length);
    await removeModel(pinned(), folder, removal);
    expect(weightsAreThere()).toBe(true);
    expect(existsSync(second)).toBe(false);
    expect(readinessOf(pinnedModel(modelOf(), readLock(folder)), folder)).toMatchObject({ state: 'ready' });
  });

  test('names in the error the repository that lacks a file', async () => {
    const wrong = { ...component, files: ['decoder/model.bim', 'decoder/config.json'] };
    const asked = modelOf({
      weights: {
        files: [...FILES, 'taesd/decoder/model.bim', 'taesd/decoder/config.json'],
        components: [wrong],
      },
    });
    expect(await failureOf([asked])).toMatch(
      /hub:other\/taesd has no file decoder\/model\.bim .*did the catalogue mean decoder\/model\.bin/,
    );
  });

  test('lists the missing files of both, and finds the changed ones', async () => {
    const readiness = readinessOf(whole, folder);
    if (readiness.state !== 'missing') throw new Error(`the model is ${readiness.state}`);
    expect(readiness.paths).toHaveLength(files.length);
    await pull([whole]);
    const file = join(readinessFolder(), 'taesd/decoder/model.bin');
    writeFileSync(file, Buffer.alloc(decoder.length, 'x'));
    const verified = await verifyModel(pinned(), folder);
    expect(verified.ok).toBe(false);
    expect(verified.files.filter((one) => one.state !== 'ok').map(({ path }) => path)).toEqual([
      'taesd/decoder/model.bin',
    ]);
  });

  test('that a user put there has a digest as the commit of each part', async () => {
    for (const [path, bytes] of [
      ...FILES.map((name) => [name, repository[name].bytes] as const),
      ['taesd/decoder/model.bin', decoder] as const,
      ['taesd/decoder/config.json', config] as const,
    ]) {
      mkdirSync(dirname(join(folder, 'Whole', path)), { recursive: true });
      writeFileSync(join(folder, 'Whole', path), bytes);
    }
    expect(await verifyModel(whole, folder)).toMatchObject({ ok: true, added: true });
    expect(wholeRevision(pinned())).toMatch(/^files:[0-9a-f]{40} taesd=hub:other\/taesd@files:[0-9a-f]{40}$/);
    expect(readinessOf(pinned(), folder)).toMatchObject({ state: 'ready', folder: join(folder, 'Whole') });
  });

  function readinessFolder(): string {
    return join(folder, `owner/tiny@${COMMIT}+taesd@${MAIN.slice(0, 12)}`);
  }
});
