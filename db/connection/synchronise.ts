import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Makes the content of a file, or the names in a folder, durable. */
export function synchronise(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
