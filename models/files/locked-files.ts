import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Model } from '../../experiment/model.js';
import { checkGraph } from '../onnx/graph-check.js';
import { requiredFiles } from './layout.js';
import type { LockedFile } from './lock-file.js';

/** A file as the lock holds it, from what hashing it gave just now. */
export function lockedFileAt(folder: string, path: string, sha256: string): LockedFile {
  const { size: bytes, mtimeMs } = statSync(join(folder, path));
  return { path, bytes, sha256, mtimeMs, verifiedAt: new Date().toISOString() };
}

/** Checks every graph of a model, as is done before its files get into the lock. Throws PanicError `InvalidInput`. */
export function checkGraphs(model: Model, folder: string): void {
  const files = requiredFiles(model);
  for (const file of files) if (file.endsWith('.onnx')) checkGraph(folder, file, files);
}
