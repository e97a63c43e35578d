import { existsSync, mkdirSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { PanicError } from '../../experiment/errors.js';
import { kernelLock } from '../../experiment/kernel-lock.js';
import type { Model } from '../../experiment/model.js';
import { nearest } from '../../experiment/nearest.js';
import { sha256OfFile } from '../onnx/fingerprint.js';
import { download, partBytes } from './download.js';
import { commitOf, filesAt, openHubFile, RETRY_DELAYS_MS, type Hub, type HubFile } from './hub.js';
import { hubRepository, pinnedFolder, requiredFiles } from './layout.js';
import {
  folderText,
  isCommit,
  lockedEntry,
  readLock,
  writeEntry,
  type LockedFile,
  type LockedModel,
} from './lock-file.js';
import { checkGraphs, lockedFileAt } from './locked-files.js';
import { withRetries } from './retry.js';

export interface PullOptions {
  readonly modelsFolder: string;
  readonly hub: Hub;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PullProgress) => void;
  readonly onNotice: (sentence: string) => void;
  /** Bytes that a folder's disk has left for this user; asked of the system unless given. */
  readonly freeBytes?: (folder: string) => Promise<number>;
  readonly retryDelaysMs?: readonly number[];
}

/** How far a pull is. */
export interface PullProgress {
  readonly model: string;
  readonly file: string;
  readonly fileBytes: number;
  readonly fileBytesExpected: number;
  /** Of all models together, what was there already included. */
  readonly bytes: number;
  readonly bytesExpected: number;
}

export interface PulledModel {
  readonly name: string;
  readonly folder: string;
  readonly commit: string;
  /** Bytes that came over the network. */
  readonly downloadedBytes: number;
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
}

/** What became of each model that was asked for. */
export type PullOutcome =
  | { readonly ok: true; readonly model: PulledModel }
  | { readonly ok: false; readonly name: string; readonly error: Error };

/** A file of a model, and what of it is here. */
interface PlannedFile {
  readonly path: string;
  readonly target: string;
  readonly expected: HubFile;
  /** SHA-256 of the file that is there, where that is the right one. */
  readonly present: string | null;
}

interface Plan {
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
 * Gets the files of models from their hub, compares each with what the hub and the catalogue know of it, and writes the lock
 * file. One model's failure leaves the others. Throws PanicError `ResourceLimit` before anything is downloaded where the
 * disk has no room for all, and the signal's reason.
 */
export async function pullModels(models: readonly Model[], options: PullOptions): Promise<PullOutcome[]> {
  mkdirSync(options.modelsFolder, { recursive: true });
  const lock = await kernelLock(join(options.modelsFolder, 'pull.lock'), {
    signal: options.signal,
    whileHeld: () => options.onNotice('Another process is pulling models into this folder; waiting for it.'),
  });
  try {
    const planned = await eachApart(models, (model) => planOf(model, options));
    const plans = planned.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
    await requireSpace(plans, options);
    const meter = progressMeter(plans, options.onProgress);
    const pulled = await eachApart(plans, (plan) => pullOne(plan, options, meter));
    return planned.map((outcome) => {
      if (!outcome.ok) return { ok: false, name: outcome.of.name, error: outcome.error };
      const result = pulled[plans.indexOf(outcome.value)]!;
      return result.ok
        ? { ok: true, model: result.value }
        : { ok: false, name: outcome.of.name, error: result.error };
    });

    async function eachApart<T, R>(
      items: readonly T[],
      work: (item: T) => Promise<R>,
    ): Promise<Apart<T, R>[]> {
      const outcomes: Apart<T, R>[] = [];
      for (const item of items) {
        try {
          outcomes.push({ ok: true, of: item, value: await work(item) });
        } catch (error) {
          options.signal.throwIfAborted();
          if (!(error instanceof PanicError)) throw error;
          outcomes.push({ ok: false, of: item, error });
        }
      }
      return outcomes;
    }
  } finally {
    lock.release();
  }
}

type Apart<T, R> =
  | { readonly ok: true; readonly of: T; readonly value: R }
  | { readonly ok: false; readonly of: T; readonly error: PanicError };

async function planOf(model: Model, options: PullOptions): Promise<Plan> {
  const { modelsFolder, hub, signal, onNotice } = options;
  const repository = hubRepository(model);
  if (repository === null) {
    throw new PanicError(
      'InvalidInput',
      `${model.name} comes from ${model.source}: there is nothing to pull`,
    );
  }
  const delaysMs = options.retryDelaysMs ?? RETRY_DELAYS_MS;
  const asking = { delaysMs, signal, onRetry: onNotice };
  const entry = lockedEntry(readLock(modelsFolder), model);
  const commit = await withRetries(() => commitToPull(model, repository, entry, options), asking);
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

/** The commit that is pinned already, or else what the revision is now. */
async function commitToPull(
  model: Model,
  repository: string,
  entry: LockedModel | undefined,
  { hub, signal }: PullOptions,
): Promise<string> {
  const revision = entry?.revision ?? model.revision;
  if (isCommit(revision)) return revision;
  if (entry !== undefined && isCommit(entry.commit)) return entry.commit;
  return await commitOf(hub, repository, revision, signal);
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

async function requireSpace(plans: readonly Plan[], options: PullOptions): Promise<void> {
  const wanted = plans.flatMap(({ files }) => files).filter(({ present }) => present === null);
  const needed = wanted.reduce(
    (sum, { target, expected }) => sum + Math.max(0, expected.bytes - partBytes(target)),
    0,
  );
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

type Meter = (plan: Plan, file: PlannedFile, fileBytes: number) => void;

function progressMeter(plans: readonly Plan[], onProgress: PullOptions['onProgress']): Meter {
  const bytesOf = new Map<string, number>();
  let bytesExpected = 0;
  for (const { files } of plans) {
    for (const { target, expected, present } of files) {
      if (bytesOf.has(target)) continue;
      bytesOf.set(target, present === null ? 0 : expected.bytes);
      bytesExpected += expected.bytes;
    }
  }
  return ({ model }, { path, target, expected }, fileBytes) => {
    bytesOf.set(target, fileBytes);
    const bytes = [...bytesOf.values()].reduce((sum, value) => sum + value, 0);
    const fileBytesExpected = expected.bytes;
    onProgress({ model: model.name, file: path, fileBytes, fileBytesExpected, bytes, bytesExpected });
  };
}

async function pullOne(plan: Plan, options: PullOptions, meter: Meter): Promise<PulledModel> {
  const { model, commit, folder } = plan;
  const { modelsFolder } = options;
  const files: LockedFile[] = [];
  let downloadedBytes = 0;
  for (const file of plan.files) {
    let sha256 = file.present;
    if (sha256 === null) {
      let before: number | null = null;
      sha256 = await downloadPlanned(plan, file, options, (bytes) => {
        // What is there already, and where it begins anew, does not count.
        if (before !== null) downloadedBytes += Math.max(0, bytes - before);
        before = bytes;
        meter(plan, file, bytes);
      });
    }
    files.push(lockedFileAt(folder, file.path, sha256));
  }
  checkGraphs(model, folder);
  const asked = lockedEntry(readLock(modelsFolder), model)?.revision ?? model.revision;
  await writeEntry(modelsFolder, model.name, {
    source: model.source,
    revision: asked,
    commit,
    folder: folderText(folder, modelsFolder),
    origin: 'pulled',
    files,
  });
  return { name: model.name, folder, commit, downloadedBytes, files };
}

async function downloadPlanned(
  { repository, commit }: Plan,
  { path, target, expected }: PlannedFile,
  { hub, signal, onNotice, retryDelaysMs }: PullOptions,
  onBytes: (bytes: number) => void,
): Promise<string> {
  // Another model of the same repository may have brought it a moment ago.
  if (
    existsSync(target) &&
    expected.sha256 !== null &&
    (await sha256OfFile(target, { signal })) === expected.sha256
  ) {
    return expected.sha256;
  }
  return await download({
    target,
    expected,
    openFrom: (resume) => openHubFile(hub, repository, commit, path, resume, signal),
    onBytes,
    onRetry: onNotice,
    delaysMs: retryDelaysMs ?? RETRY_DELAYS_MS,
    signal,
  });
}
