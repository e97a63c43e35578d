import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * A program that is the first process of namespaces of its own: when it ends, however it ends, the kernel ends every process, and
 * takes every mount and device, that it made.
 */

const STOP_SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
/** What is inside gets this long to end in order. */
const GRACE_MS = 10_000;

/**
 * Runs a Node program inside new namespaces (arguments of unshare(1), a PID namespace among them), with its settings as JSON in its
 * only argument; returns its exit status. A stop signal, or the end of this process, ends all of it.
 */
export async function runInNamespaces(
  program: string,
  settings: unknown,
  namespaces: readonly string[],
): Promise<number> {
  const words = [...namespaces, process.execPath, program, JSON.stringify(settings)];
  const inside = spawn('unshare', words, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // Ctrl-C reaches this process alone, which then ends the others in order.
    detached: true,
  });
  let stopped = 0;
  for (const [signal, code] of Object.entries(STOP_SIGNALS)) {
    process.on(signal, () => {
      stopped = code;
      if (inside.connected) inside.send('end');
      setTimeout(() => inside.kill('SIGKILL'), GRACE_MS).unref();
    });
  }
  const [code, signal] = (await once(inside, 'exit')) as [number | null, string | null];
  if (stopped > 0) return stopped;
  if (signal !== null) console.error(`the namespaces ended by ${signal}`);
  return code ?? 1;
}

/** On the inside: calls `end`, which has to leave, when the process outside says so or is gone. */
export function endWithOutside(end: () => never): void {
  process.on('disconnect', end);
  process.on('message', end);
}

/** On the inside: ends everything in the namespaces but this process, which the kernel spares. */
export function endTheOthers(): void {
  try {
    process.kill(-1, 'SIGKILL');
  } catch {
    // There were none.
  }
}
