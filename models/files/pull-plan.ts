import { realpathSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { liesBelow, requireBelow } from '../../common/contained.js';
import { PanicError } from '../../common/errors.js';
import type { Model } from '../../experiment/model.js';
import { nearest } from '../../common/nearest.js';
import { statIfThere } from '../../common/presence.js';
import { withRetries } from '../retry.js';
import type { HashedFile } from './sha256.js';
import { partBytes } from './download.js';
import { commitOf, filesAt, RETRY_DELAYS_MS, type Hub, type HubFile } from './hub.js';
import { hubRepository, partsOf, pinnedFolder, withRevisions } from './layout.js';
import { isCommit, lockedEntry, lockedParts, type Lock, type LockedFile, type LockedModel } from './lock.js';
import { readLock } from './lock-file.js';
import { hashUnlessKnown } from './locked-files.js';
import { isPackaged } from './packaged.js';
import { twinOf } from './twin.js';

export interface PullOptions {
  readonly modelsFolder: string;
  readonly hub: Hub;
  readonly signal: AbortSignal;
  readonly onNotice: (sentence: string) => void;
  /** Bytes that this user may still write to a folder's disk. Default: the system's answer. */
  readonly freeBytes?: (folder: string) => Promise<number>;
  readonly retryDelaysMs?: readonly number[];
}

/** A file of a model, and how much of it is on this machine. */
export interface PlannedFile {
  /** Path within the model's folder. */
  readonly path: string;
  readonly target: string;
  /** The repository that has it, as `expected.path`. */
  readonly repository: string;
  readonly commit: string;
  readonly expected: HubFile;
  /** The file on this machine, where its bytes are right. */
  readonly present: HashedFile | null;
}

/** What a pull of a model would download. */
export interface PullPlan {
  /** The model as the catalogue has it. */
  readonly model: Model;
  /** The model's repositories, its own first, each with the revision in the catalogue and the commit of the pull. */
  readonly parts: readonly PlannedPart[];
  readonly folder: string;
  readonly files: readonly PlannedFile[];
}

export interface PlannedPart {
  readonly source: string;
  readonly revision: string;
  readonly commit: string;
}

/** The pull leaves so many bytes free on the disk: a full disk harms everything else on it. */
const SPARE_BYTES = 256 * 1024 * 1024;

/**
 * Asks the hub for a model's files, and compares them with those on this machine. Throws PanicError `InvalidInput`
 * where the hub has no such file, or where a link would lead a write out of the models folder; `ModelFilesMissing`
 * where the hub cannot be asked, or has another file than the catalogue states; and the signal's reason.
 */
export async function planPull(model: Model, options: PullOptions): Promise<PullPlan> {
  const { modelsFolder, hub, signal, onNotice } = options;
  if (hubRepository(model) === null) {
    throw new PanicError(
      'InvalidInput',
      isPackaged(model)
        ? `the files of ${model.name} are part of panic-tda: there is nothing to pull`
        : `${model.name} comes from ${model.source}: there is nothing to pull`,
    );
  }
  const delaysMs = options.retryDelaysMs ?? RETRY_DELAYS_MS;
  const asking = { kind: 'ModelFilesMissing', delaysMs, signal, onRetry: onNotice } as const;
  const lock = readLock(modelsFolder);
  const entry = lockedEntry(lock, model);
  const locked = entry === undefined ? [] : lockedParts(entry);
  const parts: (PlannedPart & { readonly listed: ReadonlyMap<string, HubFile> })[] = [];
  for (const [k, { source, revision: asked }] of partsOf(model).entries()) {
    const repository = hubRepository({ source })!;
    const revision = locked[k]?.revision ?? asked;
    const commit =
      pinnedCommit(source, revision, lock) ??
      (await withRetries(() => commitOf(hub, repository, revision, signal), asking));
    const listed = await withRetries(() => filesAt(hub, repository, commit, signal), asking);
    parts.push({ source, revision, commit, listed });
  }
  const pinned = withRevisions(
    model,
    parts.map(({ commit }) => commit),
  );
  const folder = pinnedFolder(pinned, modelsFolder);
  const files: PlannedFile[] = [];
  for (const [k, { source, files: wanted }] of partsOf(model).entries()) {
    const { commit, listed } = parts[k]!;
    for (const file of wanted) {
      const target = join(folder, file.path);
      requireBelow(modelsFolder, target);
      const expected = expectedFile(model, source, file, listed, entry);
      const known =
        locked[k]?.commit === commit ? entry?.files.find(({ path }) => path === file.path) : undefined;
      const present = await presentFile(folder, target, expected, known, signal);
      files.push({
        path: file.path,
        target,
        repository: hubRepository({ source })!,
        commit,
        expected,
        present,
      });
    }
  }
  const named = parts.map(({ source, revision, commit }) => ({ source, revision, commit }));
  return { model, parts: named, folder, files };
}

/**
 * The commit of a revision that is a commit itself, or that is pinned already: models with one revision of a
 * repository share its commit.
 */
function pinnedCommit(source: string, revision: string, { models }: Lock): string | undefined {
  if (isCommit(revision)) return revision;
  const same = Object.values(models)
    .flatMap(lockedParts)
    .filter((part) => part.source === source && part.revision === revision);
  return same.find(({ commit }) => isCommit(commit))?.commit;
}

/** The hub's description of a file, completed by the catalogue's. Throws where the two differ. */
function expectedFile(
  model: Model,
  source: string,
  { inRepository, path }: { readonly inRepository: string; readonly path: string },
  listed: ReadonlyMap<string, HubFile>,
  entry: LockedModel | undefined,
): HubFile {
  const found = listed.get(inRepository);
  if (found === undefined) {
    const near = nearest(inRepository, listed.keys());
    const meant = near === null ? '' : `; did the catalogue mean ${near}?`;
    throw new PanicError('InvalidInput', `${source} has no file ${inRepository} at that revision${meant}`);
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

/**
 * The file on this machine, where its bytes are right. A file that was verified and not touched since is not hashed
 * again.
 */
async function presentFile(
  folder: string,
  target: string,
  expected: HubFile,
  locked: LockedFile | undefined,
  signal: AbortSignal,
): Promise<HashedFile | null> {
  const found = statIfThere(target);
  if (found?.isFile() !== true || found.size !== expected.bytes) return null;
  // The pull replaces a link out of the folder by the file itself.
  if (!liesBelow(realpathSync(target), folder)) return null;
  const wanted = expected.sha256 ?? locked?.sha256;
  if (wanted === undefined) return null;
  const hashed = await hashUnlessKnown(target, locked, { signal });
  return hashed.sha256 === wanted ? hashed : null;
}

/** Throws PanicError `ResourceLimit` with the figures where the disk has no room for the downloads. */
export async function requireSpace(plans: readonly PullPlan[], options: PullOptions): Promise<void> {
  const lock = readLock(options.modelsFolder);
  // The pull downloads once what several models share.
  const wanted = new Map<string, number>();
  for (const { target, expected, present } of plans.flatMap(({ files }) => files)) {
    if (present !== null || (await twinOf(expected, options.modelsFolder, lock, options)) !== null) continue;
    wanted.set(expected.sha256 ?? target, Math.max(0, expected.bytes - partBytes(target)));
  }
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
