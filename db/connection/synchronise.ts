import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Makes durable what a file holds, or which names are in a folder. */
export function synchronise(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
