import type { ChildProcess } from 'node:child_process';

/**
 * Ends a child process at once. A child that could not start, because this process has no descriptor left,
 * has no number yet. `child.kill` would then signal whatever process the number in that place means: 0 means
 * every process of this group.
 */
export function endChild(child: ChildProcess): void {
  if (child.pid !== undefined) child.kill('SIGKILL');
}
