import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import { makeFolder } from '../../experiment/make-folder.js';
import { z } from 'zod';
import { errorCode } from '../../experiment/error-code.js';
import { errorMessage, PanicError } from '../../experiment/errors.js';
import { sha256Hex } from '../../experiment/ids.js';
import { parseJsonText } from '../../experiment/json-text.js';
import { kernelLock } from '../../experiment/kernel-lock.js';
import type { Model } from '../../experiment/model.js';
import { collidingPaths, relativePathProblem } from '../../experiment/relative-path.js';
import { folderSource, partsOf, requiredFiles, withRevisions } from './layout.js';
import { modelPathProblem } from './model-path.js';
import { isPackaged, packagedFolder } from './packaged.js';
import type { HashedFile } from './sha256.js';

const LOCK_FILE = 'models.lock.json';

const filePath = z.string().refine((path) => modelPathProblem(path) === null, {
  error: ({ input }) => `it ${modelPathProblem(String(input))}`,
});
const decimal = z.string().regex(/^\d{1,20}$/, 'a whole number in quotes');
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits');

const lockedFile = z.strictObject({
  /** Within the model's folder. */
  path: filePath,
  bytes: z.int().nonnegative(),
  sha256,
  /** With `bytes` its stamp (`stamp.ts`) when it was last hashed: with the same one it need not be hashed again. */
  mtimeMs: z.number(),
  /** Absent where an earlier version wrote the entry: the file is then hashed at the next load. */
  ctimeNs: decimal.exactOptional(),
  inode: decimal.exactOptional(),
  verifiedAt: z.iso.datetime(),
  /** When it was found to have other bytes. It is not loaded until it is pulled or verified again. */
  changedAt: z.iso.datetime().exactOptional(),
});

const MODEL_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const HUB_SOURCE = /^hub:\w[\w.-]*\/\w[\w.-]*$/;
const pinned = {
  /** As the catalogue asks for it: a commit, or a name. */
  revision: z
    .string()
    .regex(/^(?!.*\.\.)\w[\w./:-]*$/, 'a commit, or the name of a branch, a tag or a version'),
  /** What that was when the files were got: the commit, or `files:` and a digest of the files where nobody vouches for one. */
  commit: z.string().regex(/^(files:)?[0-9a-f]{40}$/, 'a commit: 40 hexadecimal digits'),
};

/** Another repository that a model is made of; its files are among those of the model. */
const lockedComponent = z.strictObject({
  source: z.string().regex(HUB_SOURCE, 'hub:owner/name'),
  ...pinned,
});

const lockedModel = z.strictObject({
  source: z.string().min(1),
  ...pinned,
  /** Relative to the models folder where it lies within. */
  folder: z.string().min(1),
  /** `pulled`: compared with what the hub says. `found`: put there by hand, and trusted at first sight. `packaged`: the program's own. */
  origin: z.enum(['pulled', 'found', 'packaged']),
  components: z.array(lockedComponent).min(1).exactOptional(),
  files: z.array(lockedFile).min(1),
});

export type LockedFile = z.output<typeof lockedFile>;
export type LockedModel = z.output<typeof lockedModel>;

/** What no version of this program writes, and would lead elsewhere or nowhere. */
const writtenModel = lockedModel.superRefine(({ source, folder, origin, files }, context) => {
  const refuse = (path: PropertyKey[], message: string): void =>
    context.addIssue({ code: 'custom', path, message });
  if (origin === 'packaged') refuse(['origin'], 'files of the program have no entry here');
  const local = folderSource({ source });
  if (local === null && !HUB_SOURCE.test(source)) refuse(['source'], 'hub:owner/name or folder:PATH');
  const problem = isAbsolute(folder)
    ? folder === local
      ? null
      : "is absolute, and not the folder of the entry's source"
    : relativePathProblem(folder);
  if (problem !== null) refuse(['folder'], `it ${problem}`);
  const colliding = collidingPaths(files.map(({ path }) => path));
  if (colliding !== null) {
    refuse(
      ['files', colliding.index, 'path'],
      `some file systems take it for ${JSON.stringify(colliding.other)}, which is listed before`,
    );
  }
});

const lockSchema = z.strictObject({
  version: z.literal(1),
  models: z.record(z.string().regex(MODEL_NAME, "a model's name"), writtenModel),
});
/** What the models folder's lock file says, by model name. */
export type Lock = z.output<typeof lockSchema>;

/** The lock file of a models folder that has none. */
export const NO_LOCK: Lock = { version: 1, models: {} };

/** Reads `models.lock.json`; where there is none it is empty. Throws PanicError `InvalidInput` where it is damaged. */
export function readLock(modelsFolder: string): Lock {
  const file = join(modelsFolder, LOCK_FILE);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return NO_LOCK;
    throw new PanicError('InvalidInput', `${file} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
  const json = parseJsonText(text, 'a lock file in JSON');
  const faults = json.ok ? json.repeatedKeys : [json.problem];
  const parsed = lockSchema.safeParse(json.ok ? json.value : undefined);
  if (faults.length === 0 && parsed.success) return parsed.data;
  const told = faults.map(({ message }) => message).join('; ') || z.prettifyError(parsed.error!);
  throw new PanicError(
    'InvalidInput',
    `${file} is not a lock file of this program's (${told}). Move it away; "panic-tda models verify" makes a new one.`,
  );
}

/**
 * Changes the entry of a model, where it has one. A models folder that this user cannot write to, as a shared one, keeps its entry: what is
 * lost is time, since such a file is hashed at each load.
 */
export async function tryChangeEntry(
  modelsFolder: string,
  name: string,
  change: (entry: LockedModel) => LockedModel,
): Promise<void> {
  await updateLock(modelsFolder, (lock) => {
    const entry = Object.hasOwn(lock.models, name) ? lock.models[name] : undefined;
    return entry === undefined ? lock : { ...lock, models: { ...lock.models, [name]: change(entry) } };
  }).catch(() => undefined);
}

/** Changes the lock file, one process at a time: durable and atomic. */
export async function updateLock(modelsFolder: string, change: (lock: Lock) => Lock): Promise<void> {
  makeFolder(modelsFolder);
  const file = join(modelsFolder, LOCK_FILE);
  const guard = await kernelLock(`${file}.guard`);
  try {
    const lock = change(readLock(modelsFolder));
    const temporary = `${file}.${process.pid}`;
    try {
      // A file of that name is left over of a process that had this number.
      rmSync(temporary, { force: true });
      const descriptor = openSync(temporary, 'wx');
      try {
        // Not writeSync, which leaves it to its caller what a nearly full disk did not take.
        writeFileSync(descriptor, `${JSON.stringify(lock, undefined, 2)}\n`);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      renameSync(temporary, file);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    syncFolder(modelsFolder);
  } finally {
    guard.release();
  }
}

/** Makes the names in a folder durable. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

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
  parts: readonly z.output<typeof lockedComponent>[],
  rest: Pick<LockedModel, 'folder' | 'origin' | 'files'>,
): LockedModel {
  const [own, ...components] = parts;
  return { ...own!, ...rest, ...(components.length > 0 && { components }) };
}

/** A file as an entry holds it, from what hashing it gave. */
export function lockedFileOf(path: string, { sha256: hash, stamp }: HashedFile): LockedFile {
  return { path, sha256: hash, ...stamp, verifiedAt: new Date().toISOString() };
}

export async function writeEntry(modelsFolder: string, name: string, entry: LockedModel): Promise<void> {
  await updateLock(modelsFolder, (lock) => ({ ...lock, models: { ...lock.models, [name]: entry } }));
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
