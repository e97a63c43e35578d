import { join } from 'node:path';
import type { Model } from '../../experiment/model.js';
import { realPathWithin } from '../../common/contained.js';
import { statIfThere } from '../../common/presence.js';
import { hashedFile } from './sha256.js';
import { modelFolder, partsOf, requiredFiles } from './layout.js';
import {
  digestRevision,
  folderOf,
  folderText,
  isCommit,
  lockedEntry,
  lockedFileOf,
  lockedModelOf,
  lockedParts,
  type LockedFile,
  type LockedModel,
} from './lock.js';
import { readLock, writeEntry } from './lock-file.js';
import { checkFiles } from './locked-files.js';
import { isPackaged } from './packaged.js';
import { markChanged } from './resolve.js';

export interface VerifiedFile {
  readonly path: string;
  /** `new`: neither the lock file nor the catalogue knew its hash, and the program trusts the file as it is. */
  readonly state: 'ok' | 'changed' | 'missing' | 'new';
  /** Of the file on this machine. */
  readonly sha256: string | null;
  /** The hash in the lock file or the catalogue. */
  readonly expected: string | null;
}

export interface Verification {
  readonly name: string;
  readonly folder: string;
  /** Whether a run may use the model now. */
  readonly ok: boolean;
  /** Whether the verification made the model's entry in the lock file. */
  readonly added: boolean;
  readonly files: readonly VerifiedFile[];
}

/**
 * Hashes every file of a model and compares it with the lock file, or, where that has no hash, with the catalogue.
 * Where neither has a hash of a file, the lock takes the file as it is. Unless all files are there and right, the
 * entry keeps its hashes, and the wrong files are marked: no run loads the model then. Throws PanicError
 * `InvalidInput` where a graph or a link is refused, and the signal's reason.
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
  const locked: LockedFile[] = [];
  for (const path of requiredFiles(model)) {
    const full = join(folder, path);
    const expected =
      entry?.files.find((file) => file.path === path)?.sha256 ?? model.weights?.known?.[path]?.sha256 ?? null;
    const size = statIfThere(full)?.size;
    if (size === undefined) {
      files.push({ path, state: 'missing', sha256: null, expected });
      continue;
    }
    let bytes = 0;
    const hashed = await hashedFile(realPathWithin(folder, path), {
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onBytes: (more) => options.onBytes?.(path, (bytes += more), size),
    });
    const { sha256 } = hashed;
    locked.push(lockedFileOf(path, hashed));
    const otherSize = size !== (model.weights?.known?.[path]?.bytes ?? size);
    const state = expected === null ? 'new' : sha256 === expected ? 'ok' : 'changed';
    files.push({ path, state: otherSize ? 'changed' : state, sha256, expected });
  }
  const ok = files.every(({ state }) => state === 'ok' || state === 'new');
  if (ok) {
    checkFiles(model, folder);
    const news = new Set(files.filter(({ state }) => state === 'new').map(({ path }) => path));
    const next = lockedModelOf(verifiedParts(model, entry, locked, news), {
      folder: folderText(folder, modelsFolder),
      origin: news.size > 0 ? 'found' : (entry?.origin ?? 'found'),
      files: locked,
    });
    if (!isPackaged(model)) await writeEntry(modelsFolder, model.name, next);
  } else if (entry !== undefined && !isPackaged(model)) {
    const changed = files.filter(({ state }) => state === 'changed').map(({ path }) => path);
    await markChanged(model.name, modelsFolder, changed);
  }
  return { name: model.name, folder, ok, added: ok && entry === undefined, files };
}

/**
 * Files belong to a commit only where the hash of each was known before. Otherwise a digest of the files stands in
 * place of the commit.
 */
function verifiedParts(
  model: Model,
  entry: LockedModel | undefined,
  locked: readonly LockedFile[],
  news: ReadonlySet<string>,
) {
  const before = entry === undefined ? [] : lockedParts(entry);
  return partsOf(model).map(({ source, revision, files }, k) => {
    const paths = new Set(files.map(({ path }) => path));
    const commit = before[k]?.commit ?? revision;
    const trusted = [...paths].some((path) => news.has(path));
    return {
      source,
      revision: before[k]?.revision ?? revision,
      commit:
        isCommit(commit) && !trusted ? commit : digestRevision(locked.filter(({ path }) => paths.has(path))),
    };
  });
}
