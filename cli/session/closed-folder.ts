import { closeToOthers } from '../../workers/settings/private-files.js';
import type { Context } from '../context.js';
import { note } from '../terminal/output.js';

const told = new Set<string>();

/**
 * Closes the data folder to other users before anything is written to it. Says once what that changes, or that
 * it is not possible.
 */
export function closeFolder({ folder }: Pick<Context, 'folder'>): void {
  for (const sentence of closeToOthers(folder)) {
    if (!told.has(sentence)) note(sentence);
    told.add(sentence);
  }
}
