import { SIGNAL_EXIT } from '../program/exit-codes.js';
import type { StopSignal } from '../program/exit-codes.js';
import { note } from './output.js';

export interface Interruption {
  /** Raised by the first stop signal. */
  readonly signal: AbortSignal;
  /** The exit code of that signal, or null while there was none. */
  exitCode(): number | null;
  /** From here on the signals do again what they do by themselves. */
  end(): void;
}

/** Ctrl-C, SIGTERM and a closed terminal raise a signal instead of ending the process; a second one ends it at once. */
export function onInterrupt(): Interruption {
  const controller = new AbortController();
  let code: number | null = null;
  const handle = (name: NodeJS.Signals): void => {
    // Children are told by the supervisor's exit handler; what they leave half done is done again from the rows.
    if (code !== null) process.exit(code);
    code = SIGNAL_EXIT[name as StopSignal];
    note(`Stopping (${name}); what is stored stays. Once more ends it at once.`);
    controller.abort(new Error(`stopped by ${name}`));
  };
  const names = Object.keys(SIGNAL_EXIT) as StopSignal[];
  for (const name of names) process.on(name, handle);
  return {
    signal: controller.signal,
    exitCode: () => code,
    end: () => {
      for (const name of names) process.off(name, handle);
    },
  };
}
