import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Whether this machine lets a test mount file systems in a namespace of its own: root on Linux, outside of a
 * strict container.
 */
export const CAN_MOUNT = spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs none /mnt']).status === 0;

/** Whether this process may use any file, whatever its mode is. */
export const IS_ROOT = process.getuid?.() === 0;

/**
 * The words before a command that run it as a user who owns no file of the tests. Empty if this process is
 * not root: modes then bind it as well.
 */
export const AS_ANOTHER: readonly string[] = IS_ROOT
  ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'env', 'HOME=/tmp']
  : [];

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Whether that user can run the program. A clone below root's own folder is closed to other users. */
export const ANOTHER_CAN_RUN = ((): boolean => {
  const [command, ...args] = [...AS_ANOTHER, process.execPath, MAIN, '--version'];
  return spawnSync(command, args).status === 0;
})();

/** Prints which tests are left out and why, where Jest shows it. */
export function toldWhy(title: string, possible: boolean, why: string): string {
  if (possible) return title;
  process.stderr.write(`skipped: ${title}: ${why}\n`);
  return `${title} (skipped: ${why})`;
}
