import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './child-processes.js';

/**
 * Waits until all threads of a process stand still. Before that, a process that stops itself would not notice a
 * SIGCONT, and one that is being stopped may still answer.
 */
export async function untilFrozen(pid: number): Promise<void> {
  await until(`process ${pid} stands still`, () => threadStates(pid).every((state) => state === 'T'));
}

/** States of proc(5), if the system has it; '' for a thread that has just ended. */
function threadStates(pid: number): string[] {
  const folder = `/proc/${pid}/task`;
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((thread) => {
    const file = join(folder, thread, 'stat');
    const stat = existsSync(file) ? readFileSync(file, 'utf8') : '';
    // The name before the state, in parentheses, may contain any character.
    return stat.slice(stat.lastIndexOf(')') + 2).charAt(0);
  });
}
