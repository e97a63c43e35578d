import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GATE_VARIABLE } from '../../models/test-models/faulty.js';

/**
 * A gate for the model GatedI2T. Runs of some hundred steps with it do not end before the test opens the
 * gate, so that the test finds them under way.
 */
export interface Gate {
  /** Variables for workers. */
  readonly env: Readonly<Record<string, string>>;
  open(): void;
  /** Closes it again, for the next experiment. */
  close(): void;
}

export function gateIn(folder: string): Gate {
  const file = join(folder, 'gate');
  return {
    env: { [GATE_VARIABLE]: file },
    open: () => writeFileSync(file, ''),
    close: () => rmSync(file, { force: true }),
  };
}
