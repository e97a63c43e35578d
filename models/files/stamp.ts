import { type BigIntStats, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * What the file system says of a file and no program can set back: with an equal stamp a file still has the bytes that were hashed. The time
 * of change (ctime) is the kernel's own; only root can make it another, by the clock.
 */
export interface Stamp {
  readonly bytes: number;
  readonly mtimeMs: number;
  /** Nanoseconds since 1970, as a decimal number. */
  readonly ctimeNs: string;
  readonly inode: string;
}

/**
 * Without the number of the device, which is another on each machine that mounts a shared folder, and after some restarts: there,
 * everything would be hashed again each time.
 */
export function stampOf({ size, mtimeNs, ctimeNs, ino }: BigIntStats): Stamp {
  return {
    bytes: Number(size),
    mtimeMs: Number(mtimeNs) / 1e6,
    ctimeNs: String(ctimeNs),
    inode: String(ino),
  };
}

export function sameStamp(a: Stamp, b: Partial<Stamp>): boolean {
  return a.bytes === b.bytes && a.mtimeMs === b.mtimeMs && a.ctimeNs === b.ctimeNs && a.inode === b.inode;
}

/** The stamp of the file at a path, links followed. */
export function stampAt(path: string): Stamp {
  return stampOf(statSync(path, { bigint: true }));
}

/** Longer than a tick of the clock that kernels before 6.13 take these times from (10 ms at 100 Hz). */
const TICK_MS = 20;

/** Waits until a change from now on must give the file another time of change than this one. */
export async function pastTick({ ctimeNs }: Stamp): Promise<void> {
  const agoMs = Date.now() - Number(BigInt(ctimeNs) / 1_000_000n);
  // A time far ahead is that of another machine's clock.
  if (Math.abs(agoMs) < TICK_MS) await sleep(TICK_MS - agoMs);
}

/** The stamp of the file at a path, once later changes are sure to give it another. */
export async function settledStamp(path: string): Promise<Stamp> {
  const stamp = stampAt(path);
  await pastTick(stamp);
  return stampAt(path);
}
