import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Runs a program as the first process of its own namespaces. When the program ends, however it ends, the
 * kernel ends every process that it started, and removes every mount and device that it made.
 */

const STOP_SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
/** How long the processes inside have to end in order. */
const GRACE_MS = 10_000;

/**
 * Runs a Node program inside new namespaces (arguments of unshare(1), a PID namespace among them), with its
 * settings as JSON in its only argument. Returns its exit status. A stop signal, or the end of this process,
 * ends all processes inside.
 */
export async function runInNamespaces(
  program: string,
  settings: unknown,
  namespaces: readonly string[],
): Promise<number> {
  const words = [...namespaces, process.execPath, program, JSON.stringify(settings)];
  const inside = spawn('unshare', words, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // Ctrl-C reaches this process only, which then ends the others in order.
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
  const exit = await once(inside, 'exit');
  const code: number | null = exit[0];
  const signal: string | null = exit[1];
  if (stopped > 0) return stopped;
  if (signal !== null) console.error(`the namespaces ended by ${signal}`);
  return code ?? 1;
}

/** Inside: calls `end`, which has to leave, when the process outside asks for it or is gone. */
export function endWithOutside(end: () => never): void {
  process.on('disconnect', end);
  process.on('message', end);
}

/** Inside: ends every process of the namespaces except this one, which the kernel spares. */
export function endTheOthers(): void {
  try {
    process.kill(-1, 'SIGKILL');
  } catch {
    // There were none.
  }
}
