import { spawnSync } from 'node:child_process';

/** Whether this machine lets a test mount file systems in a namespace of its own: root on Linux, outside of a strict container. */
export const CAN_MOUNT = spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs none /mnt']).status === 0;

/** Whether this process may use any file, whatever its mode says. */
export const IS_ROOT = process.getuid?.() === 0;

/**
 * The words that run a command as a user who owns no file of the tests; none where this process is no root, and is itself
 * bound by modes.
 */
export const AS_ANOTHER: readonly string[] = IS_ROOT
  ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  : [];

/** Says which tests are left out and why, where Jest prints it. */
export function toldWhy(title: string, possible: boolean, why: string): string {
  if (possible) return title;
  process.stderr.write(`skipped: ${title}: ${why}\n`);
  return `${title} (skipped: ${why})`;
}
