import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callsAtGate, GATE_VARIABLE } from '../../models/test-models/faulty.js';

/**
 * A gate for the model GatedI2T, shut at first. A run with this model does not end before the test opens the gate,
 * so the test finds it under way. A call that waits at the gate takes one of the two threads of its worker.
 */
export interface Gate {
  /** Variables for workers. */
  readonly env: Readonly<Record<string, string>>;
  /** Number of calls that wait at the gate. The calls of a worker that died count until the next `letThrough`. */
  waiting(): number;
  /** Lets each call go on that waits now, and keeps the gate shut for later calls. */
  letThrough(): void;
  /** The condition, which first lets through what waits. With it a test waits for progress behind a shut gate. */
  lettingThrough<T>(condition: () => T): () => T;
  open(): void;
  /** Shuts it again, for the next experiment. */
  close(): void;
}

export function gateIn(folder: string): Gate {
  const file = join(folder, 'gate');
  const calls = callsAtGate(file);
  mkdirSync(calls);
  const letThrough = (): void => {
    for (const call of readdirSync(calls)) rmSync(join(calls, call), { force: true });
  };
  return {
    env: { [GATE_VARIABLE]: file },
    waiting: () => readdirSync(calls).length,
    letThrough,
    lettingThrough: (condition) => () => {
      letThrough();
      return condition();
    },
    open: () => {
      writeFileSync(file, '');
      // A call that looks only after the next `close` goes on too.
      letThrough();
    },
    close: () => rmSync(file, { force: true }),
  };
}
