import type { ChildProcess } from 'node:child_process';

/**
 * Ends a child process at once. One that could not be started, as where this process has no descriptor left, has no number yet, and
 * `child.kill` would signal whatever process the number in that place belongs to: 0 is every process of this group.
 */
export function endChild(child: ChildProcess): void {
  if (child.pid !== undefined) child.kill('SIGKILL');
}
