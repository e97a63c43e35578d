import { readFileSync } from 'node:fs';
import { compiledFile } from '../experiment/compiled-file.js';

/** Bytes that memory of WebAssembly grows by. */
export const PAGE = 65_536;

const compiled = new Map<string, WebAssembly.Module>();

/** A new instance of a module compiled from tda/assembly, with zeroed memory of its own, at least `bytes` long. */
export function instantiateModule(
  file: string,
  bytes: number,
): { memory: WebAssembly.Memory; exports: Record<string, unknown> } {
  let module = compiled.get(file);
  if (module === undefined) {
    module = new WebAssembly.Module(readFileSync(compiledFile(import.meta.url, file)));
    compiled.set(file, module);
  }
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE) });
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return { memory, exports };
}
