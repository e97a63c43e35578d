import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The folder `dist/`. Compiled code lies one folder below it, in its room or in `program/`, where the build
 * joins modules. Code that runs as TypeScript lies in a room beside `dist/`. (Jest runs it so, but Jest's
 * transform does not reach other threads and processes.)
 */
const COMPILED = new URL(import.meta.url.endsWith('.ts') ? '../dist/' : '../', import.meta.url);

/** Path of a file or folder of the compiled program that is no module, such as `db/migrations`. */
export function compiledPath(path: string): string {
  return fileURLToPath(new URL(path, COMPILED));
}

/**
 * Path of a compiled file that a thread or a child process loads, such as `tda/crew-thread.js`. Throws if it
 * is missing.
 */
export function compiledFile(path: string): string {
  const file = compiledPath(path);
  if (!existsSync(file))
    throw new Error(`${file} is missing: compile in a clone (npm run build), or install the package again`);
  return file;
}
