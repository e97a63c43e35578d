import { hasWords, ownProcesses } from '../../workers/processes/own-processes.js';

/** Processes of this user whose command line has `value` as one of its words. */
export function processesWithArgument(value: string): number[] {
  return ownProcesses()
    .filter(({ words }) => hasWords(words, [value]))
    .map(({ pid }) => pid);
}
