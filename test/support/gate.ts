import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GATE_VARIABLE } from '../../models/test-models/faulty.js';

/** Runs of some hundred steps with the model GatedI2T take minutes until it is opened, so that what a test does finds them under way. */
export interface Gate {
  /** For workers. */
  readonly env: Readonly<Record<string, string>>;
  open(): void;
}

export function gateIn(folder: string): Gate {
  const file = join(folder, 'gate');
  return { env: { [GATE_VARIABLE]: file }, open: () => writeFileSync(file, '') };
}
