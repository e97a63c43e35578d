import { SIGNAL_EXIT, STOP_SIGNALS } from '../program/exit-codes.js';
import type { StopSignal } from '../program/exit-codes.js';
import { note } from './output.js';

export interface Interruption {
  /** Aborted by the first stop signal. */
  readonly signal: AbortSignal;
  /** The exit code of the first signal. Null if there was none. */
  exitCode(): number | null;
  /** From here on, the signals again do what they do by default. */
  end(): void;
}

/**
 * Makes Ctrl-C, SIGTERM and a closed terminal abort a signal instead of ending the process. A second one ends
 * the process at once.
 */
export function onInterrupt(): Interruption {
  const controller = new AbortController();
  let code: number | null = null;
  const handle = (name: StopSignal): void => {
    // The exit handler of the supervisor ends the children. The rows let another run repeat what they leave
    // half done.
    if (code !== null) process.exit(code);
    code = SIGNAL_EXIT[name];
    note(`Stopping (${name}); what is stored stays. Once more ends it at once.`);
    controller.abort(new Error(`stopped by ${name}`));
  };
  const listeners = STOP_SIGNALS.map((name) => ({ name, listen: () => handle(name) }));
  for (const { name, listen } of listeners) process.on(name, listen);
  return {
    signal: controller.signal,
    exitCode: () => code,
    end: () => {
      for (const { name, listen } of listeners) process.off(name, listen);
    },
  };
}

/**
 * Does work that a stop signal ends. Returns its exit code; after a signal that of the signal, with `told` on standard
 * error.
 */
export async function stoppable(
  told: string,
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const interruption = onInterrupt();
  try {
    return await work(interruption.signal);
  } catch (error) {
    const code = interruption.exitCode();
    if (code === null) throw error;
    note(told);
    return code;
  } finally {
    interruption.end();
  }
}

/**
 * Lets the event loop turn, so that a signal that came during work arrives. Then throws the reason of the signal, if it
 * is aborted.
 */
export async function receiveSignals(signal: AbortSignal): Promise<void> {
  // The loop looks for signals between its timers and its immediates.
  await new Promise<void>((resume) => {
    setTimeout(() => setImmediate(resume), 0);
  });
  signal.throwIfAborted();
}
