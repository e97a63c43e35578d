import { statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { PanicError } from '../../experiment/errors.js';
import type { Model } from '../../experiment/model.js';
import { nearest } from '../../experiment/nearest.js';
import { withRetries } from '../retry.js';
import { sha256OfFile } from './sha256.js';
import { partBytes } from './download.js';
import { commitOf, filesAt, RETRY_DELAYS_MS, type Hub, type HubFile } from './hub.js';
import { hubRepository, pinnedFolder, requiredFiles } from './layout.js';
import {
  isCommit,
  lockedEntry,
  readLock,
  type Lock,
  type LockedFile,
  type LockedModel,
} from './lock-file.js';

export interface PullOptions {
  readonly modelsFolder: string;
  readonly hub: Hub;
  readonly signal: AbortSignal;
  readonly onNotice: (sentence: string) => void;
  /** Bytes that a folder's disk has left for this user; asked of the system unless given. */
  readonly freeBytes?: (folder: string) => Promise<number>;
  readonly retryDelaysMs?: readonly number[];
}

/** A file of a model, and what of it is here. */
export interface PlannedFile {
  readonly path: string;
  readonly target: string;
  readonly expected: HubFile;
  /** SHA-256 of the file that is there, where that is the right one. */
  readonly present: string | null;
}

/** What is to be got of a model. */
export interface PullPlan {
  /** As the catalogue has it. */
  readonly model: Model;
  readonly repository: string;
  readonly commit: string;
  readonly folder: string;
  readonly files: readonly PlannedFile[];
}

/** Left free on the disk beside what is downloaded: a full disk harms everything else on it. */
const SPARE_BYTES = 256 * 1024 * 1024;

/**
 * Asks the hub what a model's files are, and looks at what of them is here. Throws PanicError `InvalidInput` where it has no
 * such file, `ModelFilesMissing` where it cannot be asked or has another file than the catalogue knows, and the signal's
 * reason.
 */
export async function planPull(model: Model, options: PullOptions): Promise<PullPlan> {
  const { modelsFolder, hub, signal, onNotice } = options;
  const repository = hubRepository(model);
  if (repository === null) {
    throw new PanicError(
      'InvalidInput',
      `${model.name} comes from ${model.source}: there is nothing to pull`,
    );
  }
  const delaysMs = options.retryDelaysMs ?? RETRY_DELAYS_MS;
  const asking = { kind: 'ModelFilesMissing', delaysMs, signal, onRetry: onNotice } as const;
  const lock = readLock(modelsFolder);
  const entry = lockedEntry(lock, model);
  const revision = entry?.revision ?? model.revision;
  const commit =
    pinnedCommit(model.source, revision, lock) ??
    (await withRetries(() => commitOf(hub, repository, revision, signal), asking));
  const listed = await withRetries(() => filesAt(hub, repository, commit, signal), asking);
  const folder = pinnedFolder({ ...model, revision: commit }, modelsFolder);
  const files: PlannedFile[] = [];
  for (const path of requiredFiles(model)) {
    const target = join(folder, path);
    const expected = expectedFile(model, path, listed, entry);
    const locked = entry?.commit === commit ? entry.files.find((file) => file.path === path) : undefined;
    files.push({ path, target, expected, present: await presentHash(target, expected, locked, signal) });
  }
  return { model, repository, commit, folder, files };
}

/** The commit of a revision that is one, or that is pinned already: models of one repository belong together. */
function pinnedCommit(source: string, revision: string, { models }: Lock): string | undefined {
  if (isCommit(revision)) return revision;
  const same = Object.values(models).filter(
    (entry) => entry.source === source && entry.revision === revision,
  );
  return same.find(({ commit }) => isCommit(commit))?.commit;
}

/** What the hub lists, with what the catalogue knows put on top; throws where the two disagree. */
function expectedFile(
  model: Model,
  path: string,
  listed: ReadonlyMap<string, HubFile>,
  entry: LockedModel | undefined,
): HubFile {
  const found = listed.get(path);
  if (found === undefined) {
    const near = nearest(path, listed.keys());
    const meant = near === null ? '' : `; did the catalogue mean ${near}?`;
    throw new PanicError('InvalidInput', `${model.source} has no file ${path} at that revision${meant}`);
  }
  const known = model.weights?.known?.[path];
  const locked = entry?.origin === 'pulled' ? entry.files.find((file) => file.path === path) : undefined;
  const sha256 = known?.sha256 ?? locked?.sha256 ?? found.sha256;
  const bytes = known?.bytes ?? found.bytes;
  if (bytes !== found.bytes || (found.sha256 !== null && sha256 !== found.sha256)) {
    const wanted = sha256 === null ? `${bytes} bytes` : `${bytes} bytes, SHA-256 ${sha256}`;
    const offered = `${found.bytes} bytes${found.sha256 === null ? '' : `, SHA-256 ${found.sha256}`}`;
    throw new PanicError(
      'ModelFilesMissing',
      `${model.name}: the hub's ${path} (${offered}) is not the file that is wanted (${wanted}); nothing of it was downloaded`,
    );
  }
  return { ...found, sha256 };
}

/** The file's SHA-256 where it is there as it should be; a file that was verified and not touched since is not hashed again. */
async function presentHash(
  target: string,
  expected: HubFile,
  locked: LockedFile | undefined,
  signal: AbortSignal,
): Promise<string | null> {
  const found = statSync(target, { throwIfNoEntry: false });
  if (found === undefined || found.size !== expected.bytes) return null;
  const wanted = expected.sha256 ?? locked?.sha256;
  if (wanted === undefined) return null;
  const sha256 = locked?.mtimeMs === found.mtimeMs ? locked.sha256 : await sha256OfFile(target, { signal });
  return sha256 === wanted ? sha256 : null;
}

/** Throws PanicError `ResourceLimit` with the figures where the disk has no room for what is to come. */
export async function requireSpace(plans: readonly PullPlan[], options: PullOptions): Promise<void> {
  const wanted = new Map(
    plans
      .flatMap(({ files }) => files)
      .filter(({ present }) => present === null)
      .map(({ target, expected }) => [target, Math.max(0, expected.bytes - partBytes(target))]),
  );
  const needed = [...wanted.values()].reduce((sum, bytes) => sum + bytes, 0);
  if (needed === 0) return;
  const free = await (options.freeBytes ?? freeBytesOf)(options.modelsFolder);
  if (needed + SPARE_BYTES <= free) return;
  throw new PanicError(
    'ResourceLimit',
    `${mib(needed)} are to be downloaded into ${options.modelsFolder}, whose disk has ${mib(free)} free ` +
      `(${mib(SPARE_BYTES)} are to stay free). Make room, or name another folder with PANIC_TDA_MODELS.`,
  );
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function mib(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20).toLocaleString('en-US')} MiB`;
}
