import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * Path of a file that the build made beside the module of this URL (`import.meta.url`): what a thread or a child process
 * starts from, or loads. It is beside the module where that is compiled, and in `dist/` where the module runs as TypeScript
 * (under Jest, whose transform does not reach other threads and processes). Throws where it is missing.
 */
export function compiledFile(moduleUrl: string, file: string): string {
  const folder = dirname(fileURLToPath(moduleUrl));
  const isCompiled = !moduleUrl.endsWith('.ts');
  const path = isCompiled ? join(folder, file) : join(ROOT, 'dist', relative(ROOT, folder), file);
  if (!existsSync(path))
    throw new Error(`${path} is missing: compile in a clone (npm run build), or install the package again`);
  return path;
}
