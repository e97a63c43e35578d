import { spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorCode } from '../../common/error-code.js';
import { CommandError } from '../../bench/common/command.js';

/** A small file system of its own, in memory. */
export interface SmallDisk {
  readonly folder: string;
  /** Takes all room that is left. False if it cannot, because the folder is part of a larger file system. */
  fill(): boolean;
  /** Frees the room, when it was called as often as `fill`. */
  clear(): void;
  /** Removes the file system; with `keep`, its content stays in the folder. */
  unmount(keep: boolean): void;
}

const FILLER = 'what-fills-the-disk';
const CHUNKS = [2 ** 20, 2 ** 12, 1];

/** Makes the folder. With `mib` null it is part of the file system around it, which cannot be filled. */
export function mountSmallDisk(folder: string, mib: number | null): SmallDisk {
  mkdirSync(folder, { recursive: true });
  if (mib !== null) {
    const { status, stderr } = spawnSync(
      'mount',
      ['-t', 'tmpfs', '-o', `size=${mib}m,mode=755`, 'chaos', folder],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new CommandError(`a tmpfs cannot be mounted at ${folder}: ${stderr.trim()}`);
  }
  const filler = join(folder, FILLER);
  let fills = 0;
  return {
    folder,
    fill() {
      if (mib === null) return false;
      fills++;
      const file = openSync(filler, 'a');
      try {
        for (const size of CHUNKS) writeUntilFull(file, Buffer.alloc(size));
      } finally {
        closeSync(file);
      }
      return statfsSync(folder).bavail === 0;
    },
    clear() {
      if (--fills <= 0) rmSync(filler, { force: true });
    },
    unmount(keep) {
      if (mib === null) return;
      const aside = `${folder}.kept`;
      if (keep) cpSync(folder, aside, { recursive: true, verbatimSymlinks: true });
      spawnSync('umount', ['--lazy', folder]);
      if (keep) cpSync(aside, folder, { recursive: true, verbatimSymlinks: true });
      rmSync(aside, { recursive: true, force: true });
    },
  };
}

function writeUntilFull(file: number, chunk: Buffer): void {
  try {
    for (;;) if (writeSync(file, chunk) < chunk.length) return;
  } catch (error) {
    if (errorCode(error) !== 'ENOSPC') throw error;
  }
}

/** Delays the writes and syncs of processes that were started with its variables, wherever they write. */
export interface SlowDisk {
  readonly variables: Readonly<Record<string, string>>;
  set(syncMs: number, writeMs: number): void;
  /** How many calls were delayed so far. */
  delayed(): number;
  /** How many calls found a disk full so far. */
  full(): number;
}

const SOURCE = fileURLToPath(new URL('slow-disk.c', import.meta.url));
const CONTROL_BYTES = 24;

/**
 * Compiles the library with the system's C compiler, into a folder. Throws a CommandError that says why it
 * cannot.
 */
export function compileSlowDisk(folder: string): string {
  const library = join(folder, 'slow-disk.so');
  const words = ['-O2', '-shared', '-fPIC', '-o', library, SOURCE];
  const { status, stderr, error } = spawnSync('cc', words, { encoding: 'utf8' });
  if (status !== 0) {
    throw new CommandError(
      `no C compiler made the library that delays writes: ${error?.message ?? stderr.trim()}`,
    );
  }
  return library;
}

/**
 * `folder` holds the file that the processes share with this one. Every user may write to it, as Postgres
 * runs as another user.
 */
export function openSlowDisk(library: string, folder: string): SlowDisk {
  const path = join(folder, 'slow-disk');
  const none = Buffer.alloc(CONTROL_BYTES);
  writeFileSync(path, none, { mode: 0o666 });
  spawnSync('chmod', ['666', path]);
  const file = openSync(path, 'r+');
  return {
    variables: { LD_PRELOAD: library, CHAOS_SLOW_DISK: path, PANIC_TDA_PASS_VARIABLES: 'CHAOS_SLOW_DISK' },
    set(syncMs, writeMs) {
      const delays = Buffer.alloc(8);
      delays.writeUInt32LE(1000 * syncMs, 0);
      delays.writeUInt32LE(1000 * writeMs, 4);
      writeSync(file, delays, 0, delays.length, 0);
    },
    delayed: () => Number(readFileSync(path).readBigUInt64LE(8)),
    full: () => Number(readFileSync(path).readBigUInt64LE(16)),
  };
}
