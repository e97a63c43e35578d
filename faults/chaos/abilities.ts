import { spawnSync } from 'node:child_process';
import { getuid } from 'node:process';
import { errorCode } from '../../common/error-code.js';
import { errorMessage } from '../../common/errors.js';
import { CommandError } from '../../bench/common/command.js';
import { buildS3Service } from '../machines/programs.js';
import { compileSlowDisk } from './disks.js';

/**
 * What this machine can do to a round; a sentence says why it cannot. Plans are the same on every machine,
 * and a round leaves out what the machine cannot do.
 */
export interface Abilities {
  /** Arguments of unshare(1). */
  readonly namespaces: readonly string[];
  /** Why no small disk can be mounted and filled; null if it can. */
  readonly noSmallDisks: string | null;
  /** The library that slows disks down, or why there is none. */
  readonly slowDisk: Found;
  /** The program of the S3 service, or why there is none. */
  readonly s3: Found;
}

export type Found = { readonly path: string } | { readonly missing: string };

const OWN_PROCESSES = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
/** A process without root becomes root in a new namespace, of the processes that it starts only. */
const UNPRIVILEGED = ['--user', '--map-current-user', ...OWN_PROCESSES];

/**
 * Namespaces in which every process of a round ends with the first, whatever user runs it; or why there are
 * none.
 */
export function findNamespaces(): { readonly namespaces: readonly string[] } | { readonly missing: string } {
  if (process.platform !== 'linux') {
    return { missing: 'PID namespaces are a part of Linux, and this is another system' };
  }
  const namespaces = getuid?.() === 0 ? OWN_PROCESSES : UNPRIVILEGED;
  const { status, stderr, error } = spawnSync('unshare', [...namespaces, 'true'], { encoding: 'utf8' });
  if (status === 0) return { namespaces };
  return {
    missing: `a PID namespace cannot be made here (unshare ${namespaces.join(' ')}): ${error?.message ?? stderr.trim()}`,
  };
}

/** `folder` is for what is compiled. */
export async function findAbilities(
  folder: string,
  namespaces: readonly string[],
  say: (line: string) => void,
): Promise<Abilities> {
  return {
    namespaces,
    noSmallDisks: smallDisksMissing(namespaces),
    slowDisk: await found(() => compileSlowDisk(folder)),
    s3: await found(() => buildS3Service(say)),
  };
}

async function found(make: () => string | Promise<string>): Promise<Found> {
  try {
    return { path: await make() };
  } catch (error) {
    // ENOENT: the compiler itself may be missing.
    if (!(error instanceof CommandError) && errorCode(error) !== 'ENOENT') throw error;
    return { missing: errorMessage(error) };
  }
}

function smallDisksMissing(namespaces: readonly string[]): string | null {
  if (getuid?.() !== 0) return 'file systems are mounted by root only';
  const words = [...namespaces, 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'probe', '/mnt'];
  const { status, stderr, error } = spawnSync('unshare', words, { encoding: 'utf8' });
  return status === 0 ? null : `a tmpfs cannot be mounted: ${error?.message ?? stderr.trim()}`;
}
