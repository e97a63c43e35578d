import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Whether this machine lets a test mount file systems in a namespace of its own: root on Linux, outside of a strict container. */
export const CAN_MOUNT = spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs none /mnt']).status === 0;

/** Whether this process may use any file, whatever its mode says. */
export const IS_ROOT = process.getuid?.() === 0;

/**
 * The words before a command that run it as a user who owns no file of the tests; none where this process is no root, and so
 * is bound by modes itself.
 */
export const AS_ANOTHER: readonly string[] = IS_ROOT
  ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'env', 'HOME=/tmp']
  : [];

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Whether such a user can run the program: a clone below root's own folder is closed to him. */
export const ANOTHER_CAN_RUN = ((): boolean => {
  const [command, ...args] = [...AS_ANOTHER, process.execPath, MAIN, '--version'];
  return spawnSync(command, args).status === 0;
})();

/** Says which tests are left out and why, where Jest prints it. */
export function toldWhy(title: string, possible: boolean, why: string): string {
  if (possible) return title;
  process.stderr.write(`skipped: ${title}: ${why}\n`);
  return `${title} (skipped: ${why})`;
}
