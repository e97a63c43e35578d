import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { makeFolder } from '../../common/make-folder.js';
import { z } from 'zod';
import { errorCode } from '../../common/error-code.js';
import { errorMessage, PanicError } from '../../common/errors.js';
import { parseJsonText } from '../../common/json-text.js';
import { kernelLock } from '../../common/kernel-lock.js';
import { collidingPaths, relativePathProblem } from '../../common/relative-path.js';
import { folderSource } from './layout.js';
import { type Lock, type LockedModel, lockFileIn, NO_LOCK } from './lock.js';
import { modelPathProblem } from './model-path.js';

const filePath = z.string().refine((path) => modelPathProblem(path) === null, {
  error: ({ input }) => `it ${modelPathProblem(String(input))}`,
});
const decimal = z.string().regex(/^\d{1,20}$/, 'a whole number in quotes');
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits');

const lockedFile = z.strictObject({
  path: filePath,
  bytes: z.int().nonnegative(),
  sha256,
  mtimeMs: z.number(),
  ctimeNs: decimal.exactOptional(),
  inode: decimal.exactOptional(),
  verifiedAt: z.iso.datetime(),
  changedAt: z.iso.datetime().exactOptional(),
});

const MODEL_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const HUB_SOURCE = /^hub:\w[\w.-]*\/\w[\w.-]*$/;
const pinned = {
  revision: z
    .string()
    .regex(/^(?!.*\.\.)\w[\w./:-]*$/, 'a commit, or the name of a branch, a tag or a version'),
  commit: z.string().regex(/^(files:)?[0-9a-f]{40}$/, 'a commit: 40 hexadecimal digits'),
};

const lockedComponent = z.strictObject({
  source: z.string().regex(HUB_SOURCE, 'hub:owner/name'),
  ...pinned,
});

const lockedModel = z.strictObject({
  source: z.string().min(1),
  ...pinned,
  folder: z.string().min(1),
  origin: z.enum(['pulled', 'found', 'packaged']),
  components: z.array(lockedComponent).min(1).exactOptional(),
  files: z.array(lockedFile).min(1),
});

/** Refuses values that no version of this program writes, and that would lead out of the folder or to nothing. */
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

/**
 * Reads `models.lock.json`, as an empty lock where the file is absent. Throws PanicError `InvalidInput` where it is
 * damaged.
 */
export function readLock(modelsFolder: string): Lock {
  const file = lockFileIn(modelsFolder);
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
 * Changes the entry of a model, where it has one. Where this user cannot write to the models folder, such as a
 * shared one, the entry stays as it is. That costs time only, since each load then hashes such a file.
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
  const file = lockFileIn(modelsFolder);
  const guard = await kernelLock(`${file}.guard`);
  try {
    const lock = change(readLock(modelsFolder));
    const temporary = `${file}.${process.pid}`;
    try {
      // A process that had this process number may have left a file of that name.
      rmSync(temporary, { force: true });
      const descriptor = openSync(temporary, 'wx');
      try {
        // Not writeSync, which may write only a part on a nearly full disk.
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

export async function writeEntry(modelsFolder: string, name: string, entry: LockedModel): Promise<void> {
  await updateLock(modelsFolder, (lock) => ({ ...lock, models: { ...lock.models, [name]: entry } }));
}
