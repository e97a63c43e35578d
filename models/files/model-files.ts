import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { realPathWithin } from '../../common/contained.js';
import { PanicError } from '../../common/errors.js';
import type { Model } from '../../experiment/model.js';
import { isThere } from '../../common/presence.js';
import { openRegularFile, UnfitFile } from '../../common/regular-file.js';
import { checkGraph } from './graph-check.js';
import { changedText, resolveUnlocked, type ResolvedFiles } from './resolve.js';
import { sameStamp, stampAt } from './stamp.js';

/**
 * The verified files of one model, which are all that its loader can open. Whatever settings, configurations and
 * graphs name, a loader reaches no other file through this interface.
 */
export interface ModelFiles {
  /** Paths within the model's folder. */
  readonly listed: readonly string[];
  has(path: string): boolean;
  /** Throws PanicError `InvalidInput` for a file that is not listed, with a remedy. */
  require(path: string): void;
  /** A file or a folder of the model, as messages name it. */
  nameOf(path: string): string;
  /**
   * The bytes of a file, hashed while they are read. Throws PanicError `InvalidInput` for a file that is not
   * listed, `ResourceLimit` for a file of more than `MOST_BYTES_READ`, and FilesChanged.
   */
  bytes(path: string): Promise<Buffer>;
  text(path: string): Promise<string>;
  /**
   * The full path of a graph, for the runtime. This function first checks the graph's structure, since the runtime
   * itself opens the files that a graph names. Throws PanicError `InvalidInput` for a graph that is not listed, or
   * that names files which are not (`graph-check.ts`).
   */
  graph(path: string): string;
  /**
   * SHA-256 (hex) of every file, for provenance. The loader calls it when it has loaded everything; no file can be
   * opened afterwards. Throws as `requireUntouched`.
   */
  seal(): Readonly<Record<string, string>>;
  /**
   * Throws FilesChanged where a file was touched since it was hashed: the loaded bytes may then differ from the
   * hashed ones.
   */
  requireUntouched(): void;
}

/** Files of a model were touched after their verification. A second attempt verifies them again. */
export class FilesChanged extends PanicError {
  constructor(model: Model, path: string) {
    super('ModelFilesMissing', changedText(model, path));
  }
}

/** The files of a model in a folder without a lock file, trusted as they are. Throws as `resolveUnlocked`. */
export async function openFolder(model: Model, folder: string): Promise<ModelFiles> {
  return openModelFiles(model, await resolveUnlocked(model, folder));
}

/**
 * The most bytes of a vocabulary, a configuration or a template. The largest vocabularies of text models have some
 * 35 MB.
 */
export const MOST_BYTES_READ = 128 * 2 ** 20;

export function openModelFiles(model: Model, { folder, files }: ResolvedFiles): ModelFiles {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const listed = [...byPath.keys()];
  let sealed = false;

  function find(path: string) {
    if (sealed) throw new Error(`${path} of ${model.name} is opened after its fingerprint was taken`);
    const file = byPath.get(path);
    if (file !== undefined) return file;
    throw new PanicError(
      'InvalidInput',
      `${model.name} needs the file ${path}, which is not among the files that its catalogue entry lists (weights.files): ` +
        'no other is verified, and none but these is opened. List it, then pull or verify the model',
    );
  }

  async function bytes(path: string): Promise<Buffer> {
    const { sha256 } = find(path);
    const full = realPathWithin(folder, path);
    const read = await bytesOf(full);
    if (createHash('sha256').update(read).digest('hex') === sha256) return read;
    throw new FilesChanged(model, full);
  }

  function graph(path: string): string {
    find(path);
    realPathWithin(folder, path);
    checkGraph(folder, path, listed);
    return join(folder, path);
  }

  function requireUntouched(): void {
    for (const { path, stamp } of files) {
      const full = join(folder, path);
      if (!isThere(full) || !sameStamp(stampAt(full), stamp)) throw new FilesChanged(model, full);
    }
  }

  function seal(): Readonly<Record<string, string>> {
    for (const path of listed) realPathWithin(folder, path);
    requireUntouched();
    sealed = true;
    return Object.fromEntries(files.map(({ path, sha256 }) => [path, sha256]));
  }

  return {
    listed,
    has: (path) => byPath.has(path),
    require: (path) => void find(path),
    nameOf: (path) => join(folder, path),
    bytes,
    text: async (path) => (await bytes(path)).toString('utf8'),
    graph,
    seal,
    requireUntouched,
  };
}

async function bytesOf(path: string): Promise<Buffer> {
  const handle = await openRegularFile(path).catch((error: unknown) => {
    if (!(error instanceof UnfitFile)) throw error;
    throw new PanicError('ModelFilesMissing', `${path} ${error.message}`, { cause: error });
  });
  try {
    const { size } = await handle.stat();
    if (size <= MOST_BYTES_READ) return await handle.readFile();
    const most = MOST_BYTES_READ / 2 ** 20;
    throw new PanicError(
      'ResourceLimit',
      `${path} has ${Math.ceil(size / 2 ** 20)} MiB; files of at most ${most} MiB are read whole`,
    );
  } finally {
    await handle.close();
  }
}
