import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Model } from '../../experiment/model.js';
import { sha256OfFile } from './sha256.js';
import { modelFolder, requiredFiles } from './layout.js';
import {
  digestRevision,
  folderOf,
  folderText,
  isCommit,
  lockedEntry,
  readLock,
  writeEntry,
  type LockedFile,
  type LockedModel,
} from './lock-file.js';
import { checkGraphs, lockedFileAt } from './locked-files.js';

export interface VerifiedFile {
  readonly path: string;
  /** `new`: nothing was known of it, and it is trusted as it is. */
  readonly state: 'ok' | 'changed' | 'missing' | 'new';
  /** Of the file that is there. */
  readonly sha256: string | null;
  /** What the lock file or the catalogue says. */
  readonly expected: string | null;
}

export interface Verification {
  readonly name: string;
  readonly folder: string;
  /** Whether a run may use the model now. */
  readonly ok: boolean;
  /** Whether it had no entry in the lock file, and has one now. */
  readonly added: boolean;
  readonly files: readonly VerifiedFile[];
}

/**
 * Hashes every file of a model and compares it with the lock file, or, where that knows nothing of it, with the catalogue.
 * Files that nobody knows anything of are taken into the lock as they are. Nothing is written unless all files are there and
 * as expected. Throws PanicError `InvalidInput` where a graph is refused, and the signal's reason.
 */
export async function verifyModel(
  model: Model,
  modelsFolder: string,
  options: {
    readonly onBytes?: (file: string, bytes: number, bytesExpected: number) => void;
    readonly signal?: AbortSignal;
  } = {},
): Promise<Verification> {
  const entry = lockedEntry(readLock(modelsFolder), model);
  const folder = entry === undefined ? modelFolder(model, modelsFolder) : folderOf(entry, modelsFolder);
  const files: VerifiedFile[] = [];
  for (const path of requiredFiles(model)) {
    const full = join(folder, path);
    const expected =
      entry?.files.find((file) => file.path === path)?.sha256 ?? model.weights?.known?.[path]?.sha256 ?? null;
    if (!existsSync(full)) {
      files.push({ path, state: 'missing', sha256: null, expected });
      continue;
    }
    const { size } = statSync(full);
    let bytes = 0;
    const sha256 = await sha256OfFile(full, {
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onBytes: (more) => options.onBytes?.(path, (bytes += more), size),
    });
    const otherSize = size !== (model.weights?.known?.[path]?.bytes ?? size);
    const state = expected === null ? 'new' : sha256 === expected ? 'ok' : 'changed';
    files.push({ path, state: otherSize ? 'changed' : state, sha256, expected });
  }
  const ok = files.every(({ state }) => state === 'ok' || state === 'new');
  if (ok) {
    checkGraphs(model, folder);
    const locked = files.map(({ path, sha256 }) => lockedFileAt(folder, path, sha256!));
    const trusted = files.some(({ state }) => state === 'new');
    const next = verifiedEntry(model, entry, {
      folder: folderText(folder, modelsFolder),
      files: locked,
      trusted,
    });
    await writeEntry(modelsFolder, model.name, next);
  }
  return { name: model.name, folder, ok, added: ok && entry === undefined, files };
}

/** Files are those of a commit only where the hash of each was known beforehand; otherwise they stand for themselves. */
function verifiedEntry(
  model: Model,
  entry: LockedModel | undefined,
  verified: { readonly folder: string; readonly files: LockedFile[]; readonly trusted: boolean },
): LockedModel {
  const { folder, files, trusted } = verified;
  const commit = entry?.commit ?? model.revision;
  return {
    source: model.source,
    revision: entry?.revision ?? model.revision,
    commit: isCommit(commit) && !trusted ? commit : digestRevision(files),
    folder,
    origin: trusted ? 'found' : (entry?.origin ?? 'found'),
    files,
  };
}
