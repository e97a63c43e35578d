import { isAbsolute, join, relative } from 'node:path';
import { PanicError } from '../../common/errors.js';
import { sha256Hex } from '../../experiment/ids.js';
import type { Model } from '../../experiment/model.js';
import { relativePathProblem } from '../../common/relative-path.js';
import { partsOf, requiredFiles, withRevisions } from './layout.js';
import { isPackaged, packagedFolder } from './packaged.js';
import type { HashedFile } from './sha256.js';

/** The content of a models folder's lock file, by model name. `lock-file.ts` reads, checks and writes the file. */
export interface Lock {
  readonly version: 1;
  readonly models: Readonly<Record<string, LockedModel>>;
}

export interface LockedModel {
  readonly source: string;
  /** The revision that the catalogue names: a commit, or a name. */
  readonly revision: string;
  /** The revision that the files have: the commit, or `files:` and a digest of the files where no hub gave a commit. */
  readonly commit: string;
  /** Relative to the models folder where it is within it. */
  readonly folder: string;
  /**
   * `pulled`: compared with what the hub states. `found`: put there by a user, and trusted at first sight.
   * `packaged`: the program's own.
   */
  readonly origin: 'pulled' | 'found' | 'packaged';
  readonly components?: readonly LockedComponent[];
  readonly files: readonly LockedFile[];
}

/** Another repository of a model. Its files are among the model's files. */
export interface LockedComponent {
  readonly source: string;
  readonly revision: string;
  readonly commit: string;
}

export interface LockedFile {
  /** Path within the model's folder. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /**
   * With `bytes`, the stamp (`stamp.ts`) that the file had when it was last hashed. A file with an equal stamp need
   * not be hashed again.
   */
  readonly mtimeMs: number;
  /** Absent in an entry of an earlier version. The next load then hashes the file. */
  readonly ctimeNs?: string;
  readonly inode?: string;
  readonly verifiedAt: string;
  /** When the program found other bytes in the file. No run loads it before it is pulled or verified again. */
  readonly changedAt?: string;
}

/** The path of a models folder's lock file. */
export function lockFileIn(modelsFolder: string): string {
  return join(modelsFolder, 'models.lock.json');
}

/** The lock of a models folder without a lock file. */
export const NO_LOCK: Lock = { version: 1, models: {} };

/**
 * The model's entry; undefined where it has none, or one of another source or revision. The catalogue describes the
 * program's own files, which need no entry.
 */
export function lockedEntry(lock: Lock, model: Model): LockedModel | undefined {
  if (isPackaged(model)) return packagedEntry(model);
  const entry = Object.hasOwn(lock.models, model.name) ? lock.models[model.name] : undefined;
  if (entry === undefined) return undefined;
  const locked = lockedParts(entry);
  const parts = partsOf(model);
  const fits = parts.every(({ source, revision }, k) => {
    const part = locked[k];
    return part?.source === source && (part.revision === revision || part.commit === revision);
  });
  return fits && locked.length === parts.length ? entry : undefined;
}

/** The entry of a packaged model, from the catalogue. Its times fit no file, so each load hashes the files. */
function packagedEntry(model: Model): LockedModel {
  const files = requiredFiles(model).map((path) => {
    const { sha256, bytes } = model.weights?.known?.[path] ?? {};
    if (sha256 === undefined || bytes === undefined) {
      throw new PanicError('InvalidInput', `${model.name}: the catalogue lacks sha256 or bytes of ${path}`);
    }
    return { path, bytes, sha256, mtimeMs: -1, verifiedAt: new Date(0).toISOString() };
  });
  const commit = digestRevision(files);
  const { source, revision } = model;
  return { source, revision, commit, folder: packagedFolder(model), origin: 'packaged', files };
}

/** The repositories in a model's entry, its own first. */
export function lockedParts({ source, revision, commit, components = [] }: LockedModel) {
  return [{ source, revision, commit }, ...components] as const;
}

/** An entry for a model at these commits of its parts. The catalogue names a revision of each. */
export function lockedModelOf(
  parts: readonly LockedComponent[],
  rest: Pick<LockedModel, 'folder' | 'origin' | 'files'>,
): LockedModel {
  const [own, ...components] = parts;
  return { ...own!, ...rest, ...(components.length > 0 && { components }) };
}

/** A file's part of an entry, from its hash and stamp. */
export function lockedFileOf(path: string, { sha256: hash, stamp }: HashedFile): LockedFile {
  return { path, sha256: hash, ...stamp, verifiedAt: new Date().toISOString() };
}

export function folderOf(entry: LockedModel, modelsFolder: string): string {
  return isAbsolute(entry.folder) ? entry.folder : join(modelsFolder, entry.folder);
}

/** A folder in the form of an entry. */
export function folderText(folder: string, modelsFolder: string): string {
  const within = relative(modelsFolder, folder);
  return relativePathProblem(within) === null ? within : folder;
}

const COMMIT = /^[0-9a-f]{40}$/;

export function isCommit(revision: string): boolean {
  return COMMIT.test(revision);
}

/** Stands in place of a commit where no hub gave one. Equal files have equal digests. */
export function digestRevision(files: readonly Pick<LockedFile, 'path' | 'sha256'>[]): string {
  const lines = files.map(({ path, sha256 }) => `${sha256}  ${path}\n`).sort();
  return `files:${sha256Hex(lines.join('')).slice(0, 40)}`;
}

/** The model with the revision to which its files are pinned; the model itself where it has no entry. */
export function pinnedModel(model: Model, lock: Lock): Model {
  if (model.weights === null) return model;
  const entry = lockedEntry(lock, model);
  if (entry === undefined) return model;
  return withRevisions(
    model,
    lockedParts(entry).map(({ commit }) => commit),
  );
}
