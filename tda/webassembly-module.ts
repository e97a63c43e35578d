import { readFileSync } from 'node:fs';
import { compiledFile } from '../common/compiled-file.js';
import { TdaMemoryError } from './errors.js';

/** The unit, in bytes, by which WebAssembly memory grows. */
export const PAGE = 65_536;

const compiled = new Map<string, WebAssembly.Module>();

/** A new instance of a module compiled from tda/assembly, with its own zeroed memory of at least `bytes`. */
export function instantiateModule(
  file: string,
  bytes: number,
): { memory: WebAssembly.Memory; exports: Record<string, unknown> } {
  let module = compiled.get(file);
  if (module === undefined) {
    module = new WebAssembly.Module(readFileSync(compiledFile(`tda/${file}`)));
    compiled.set(file, module);
  }
  const memory = reserved(bytes, () => new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE) }));
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return { memory, exports };
}

/** Makes a memory longer by at least `bytes`. Throws TdaMemoryError if the process does not get them. */
export function grow(memory: WebAssembly.Memory, bytes: number): void {
  reserved(bytes, () => memory.grow(Math.ceil(bytes / PAGE)));
}

/**
 * Calls `reserve`. An engine reserves 8 GiB of addresses for each memory, whatever its length, so a limit of
 * the process is reached early.
 */
function reserved<T>(bytes: number, reserve: () => T): T {
  try {
    return reserve();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new TdaMemoryError(
      `the process does not get the memory of a WebAssembly module (${error.message}): ` +
        'raise the limit of its addresses ("ulimit -v unlimited"), or use a machine with more memory',
      bytes,
      0,
    );
  }
}
