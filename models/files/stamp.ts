import { type BigIntStats, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * What the file system records of a file and no program can set back. A file with an equal stamp still has the
 * bytes that were hashed. The kernel itself sets the time of change (ctime); only root can make it another, through
 * the clock.
 */
export interface Stamp {
  readonly bytes: number;
  readonly mtimeMs: number;
  /** Nanoseconds since 1970, as a decimal number. */
  readonly ctimeNs: string;
  readonly inode: string;
}

/**
 * The stamp has no device number. That number differs between machines that mount a shared folder, and after some
 * restarts, so that each time everything would be hashed again.
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

/** Longer than a tick of the clock from which kernels before 6.13 take these times (10 ms at 100 Hz). */
const TICK_MS = 20;

/** Waits until any later change must give the file another time of change. */
export async function pastTick({ ctimeNs }: Stamp): Promise<void> {
  const agoMs = Date.now() - Number(BigInt(ctimeNs) / 1_000_000n);
  // A time far ahead comes from the clock of another machine.
  if (Math.abs(agoMs) < TICK_MS) await sleep(TICK_MS - agoMs);
}

/** The stamp of the file at a path, taken when any later change must give another stamp. */
export async function settledStamp(path: string): Promise<Stamp> {
  const stamp = stampAt(path);
  await pastTick(stamp);
  return stampAt(path);
}
