import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * `dist/`. Compiled code lies one folder below it, in its room or in `program/`, where the build joins modules; code that runs as
 * TypeScript (under Jest, whose transform does not reach other threads and processes) lies in a room beside it.
 */
const COMPILED = new URL(import.meta.url.endsWith('.ts') ? '../dist/' : '../', import.meta.url);

/** Path of a file or folder of the compiled program, which other modules do not ask their own address for: `db/migrations`. */
export function compiledPath(path: string): string {
  return fileURLToPath(new URL(path, COMPILED));
}

/** The same of a file that a thread or a child process starts from, or that is loaded: `tda/crew-thread.js`. Throws where it is missing. */
export function compiledFile(path: string): string {
  const file = compiledPath(path);
  if (!existsSync(file))
    throw new Error(`${file} is missing: compile in a clone (npm run build), or install the package again`);
  return file;
}
