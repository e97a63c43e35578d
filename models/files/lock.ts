import { isAbsolute, join, relative } from 'node:path';
import { PanicError } from '../../common/errors.js';
import { sha256Hex } from '../../experiment/ids.js';
import type { Model } from '../../experiment/model.js';
import { relativePathProblem } from '../../common/relative-path.js';
import { partsOf, requiredFiles, withRevisions } from './layout.js';
import { isPackaged, packagedFolder } from './packaged.js';
import type { HashedFile } from './sha256.js';

/** What a models folder's lock file says, by model name. `lock-file.ts` reads, checks and writes it. */
export interface Lock {
  readonly version: 1;
  readonly models: Readonly<Record<string, LockedModel>>;
}

export interface LockedModel {
  readonly source: string;
  /** As the catalogue asks for it: a commit, or a name. */
  readonly revision: string;
  /** What that was when the files were got: the commit, or `files:` and a digest of the files where the hub gave none. */
  readonly commit: string;
  /** Relative to the models folder where it lies within. */
  readonly folder: string;
  /** `pulled`: compared with what the hub says. `found`: put there by hand, and trusted at first sight. `packaged`: the program's own. */
  readonly origin: 'pulled' | 'found' | 'packaged';
  readonly components?: readonly LockedComponent[];
  readonly files: readonly LockedFile[];
}

/** Another repository that a model is made of; its files are among those of the model. */
export interface LockedComponent {
  readonly source: string;
  readonly revision: string;
  readonly commit: string;
}

export interface LockedFile {
  /** Within the model's folder. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** With `bytes` its stamp (`stamp.ts`) when it was last hashed: with the same one it need not be hashed again. */
  readonly mtimeMs: number;
  /** Absent where an earlier version wrote the entry: the file is then hashed at the next load. */
  readonly ctimeNs?: string;
  readonly inode?: string;
  readonly verifiedAt: string;
  /** When it was found to have other bytes. It is not loaded until it is pulled or verified again. */
  readonly changedAt?: string;
}

/** Where a models folder's lock file is, if it has one. */
export function lockFileIn(modelsFolder: string): string {
  return join(modelsFolder, 'models.lock.json');
}

/** The lock file of a models folder that has none. */
export const NO_LOCK: Lock = { version: 1, models: {} };

/**
 * The model's entry; undefined where it has none, or one of another source or revision. Files of the program's own need none in the
 * file: the catalogue says what they are.
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

/** What the catalogue says of a packaged model's files. No time of verification fits them: they are hashed at each load. */
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

/** What an entry says of each repository that its model is made of: its own first. */
export function lockedParts({ source, revision, commit, components = [] }: LockedModel) {
  return [{ source, revision, commit }, ...components] as const;
}

/** An entry for a model at these commits of its parts, of each of which the catalogue asked for a revision. */
export function lockedModelOf(
  parts: readonly LockedComponent[],
  rest: Pick<LockedModel, 'folder' | 'origin' | 'files'>,
): LockedModel {
  const [own, ...components] = parts;
  return { ...own!, ...rest, ...(components.length > 0 && { components }) };
}

/** A file as an entry holds it, from what hashing it gave. */
export function lockedFileOf(path: string, { sha256: hash, stamp }: HashedFile): LockedFile {
  return { path, sha256: hash, ...stamp, verifiedAt: new Date().toISOString() };
}

export function folderOf(entry: LockedModel, modelsFolder: string): string {
  return isAbsolute(entry.folder) ? entry.folder : join(modelsFolder, entry.folder);
}

/** As an entry holds it. */
export function folderText(folder: string, modelsFolder: string): string {
  const within = relative(modelsFolder, folder);
  return relativePathProblem(within) === null ? within : folder;
}

const COMMIT = /^[0-9a-f]{40}$/;

export function isCommit(revision: string): boolean {
  return COMMIT.test(revision);
}

/** What stands for a commit where the hub gave none: equal for equal files. */
export function digestRevision(files: readonly Pick<LockedFile, 'path' | 'sha256'>[]): string {
  const lines = files.map(({ path, sha256 }) => `${sha256}  ${path}\n`).sort();
  return `files:${sha256Hex(lines.join('')).slice(0, 40)}`;
}

/** The model under the revision that its files were pinned to; itself where nothing is pinned yet. */
export function pinnedModel(model: Model, lock: Lock): Model {
  if (model.weights === null) return model;
  const entry = lockedEntry(lock, model);
  if (entry === undefined) return model;
  return withRevisions(
    model,
    lockedParts(entry).map(({ commit }) => commit),
  );
}
