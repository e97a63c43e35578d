import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The compiled file that a thread or a child process starts from: beside this one where this one is compiled, in `dist/`
 * where this one runs as TypeScript (under Jest, whose transform does not reach other threads and processes).
 */
export function hostEntry(file: string): string {
  const compiled = !import.meta.url.endsWith('.ts');
  const path = fileURLToPath(new URL(compiled ? `./${file}` : `../dist/models/${file}`, import.meta.url));
  if (!existsSync(path)) {
    throw new Error(`${path} is missing: model hosts run compiled code, so compile first (npm run build)`);
  }
  return path;
}
