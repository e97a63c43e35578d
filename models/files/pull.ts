import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { requireBelow } from '../../common/contained.js';
import { makeFolder } from '../../common/make-folder.js';
import { isPanicError, type PanicError } from '../../common/errors.js';
import { kernelLock } from '../../common/kernel-lock.js';
import type { Model } from '../../experiment/model.js';
import { checkGraph } from './graph-check.js';
import { download } from './download.js';
import { openHubFile, RETRY_DELAYS_MS } from './hub.js';
import { requiredFiles } from './layout.js';
import { folderText, lockedFileOf, lockedModelOf, type LockedFile } from './lock.js';
import { readLock, writeEntry } from './lock-file.js';
import { checkFiles, isGraph } from './locked-files.js';
import { planPull, requireSpace, type PlannedFile, type PullOptions, type PullPlan } from './pull-plan.js';
import { hashedFile, type HashedFile } from './sha256.js';
import { linkTwin, twinOf } from './twin.js';

/** Enough for the largest model on a slow line. */
const LONGEST_PULL_MS = 12 * 3_600_000;

/** The progress of a pull. */
export interface PullProgress {
  readonly model: string;
  readonly file: string;
  readonly fileBytes: number;
  readonly fileBytesExpected: number;
  /** Bytes of all models together, with those that were on this machine before. */
  readonly bytes: number;
  readonly bytesExpected: number;
}

export interface PulledModel {
  readonly name: string;
  readonly folder: string;
  readonly commit: string;
  /** The model's other repositories. */
  readonly components: readonly { readonly source: string; readonly commit: string }[];
  /** Bytes that came over the network. */
  readonly downloadedBytes: number;
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
}

/** The result for each model. */
export type PullOutcome =
  | { readonly ok: true; readonly model: PulledModel }
  | { readonly ok: false; readonly name: string; readonly error: Error };

/**
 * Downloads the files of models from their hub, compares each with what the hub and the catalogue state, and writes
 * the lock file. Where one model fails, the others still come. Throws PanicError `ResourceLimit` before any
 * download where the disk has no room for all of them, and the signal's reason.
 */
export async function pullModels(
  models: readonly Model[],
  options: PullOptions & { readonly onProgress: (progress: PullProgress) => void },
): Promise<PullOutcome[]> {
  makeFolder(options.modelsFolder);
  const lock = await kernelLock(join(options.modelsFolder, 'pull.lock'), {
    signal: options.signal,
    longestMs: LONGEST_PULL_MS,
    whileHeld: (holder) =>
      options.onNotice(`${capital(holder)} is pulling models into this folder; waiting for it.`),
  });
  try {
    const planned = await eachApart(models, (model) => planPull(model, options), options.signal);
    const plans = planned.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
    await requireSpace(plans, options);
    const meter = progressMeter(plans, options.onProgress);
    const pulled = await eachApart(plans, (plan) => pullOne(plan, options, meter), options.signal);
    return planned.map((outcome) => {
      if (!outcome.ok) return { ok: false, name: outcome.of.name, error: outcome.error };
      const result = pulled[plans.indexOf(outcome.value)]!;
      return result.ok
        ? { ok: true, model: result.value }
        : { ok: false, name: outcome.of.name, error: result.error };
    });
  } finally {
    lock.release();
  }
}

function capital(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}`;
}

type Apart<T, R> =
  | { readonly ok: true; readonly of: T; readonly value: R }
  | { readonly ok: false; readonly of: T; readonly error: PanicError };

/** Does the work for one item after another. A PanicError of one item leaves the others; any other error ends all. */
async function eachApart<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  signal: AbortSignal,
): Promise<Apart<T, R>[]> {
  const outcomes: Apart<T, R>[] = [];
  for (const item of items) {
    try {
      outcomes.push({ ok: true, of: item, value: await work(item) });
    } catch (error) {
      signal.throwIfAborted();
      if (!isPanicError(error)) throw error;
      outcomes.push({ ok: false, of: item, error });
    }
  }
  return outcomes;
}

type Meter = (plan: PullPlan, file: PlannedFile, fileBytes: number) => void;

function progressMeter(plans: readonly PullPlan[], onProgress: (progress: PullProgress) => void): Meter {
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

async function pullOne(plan: PullPlan, options: PullOptions, meter: Meter): Promise<PulledModel> {
  const { model, parts, folder } = plan;
  const { modelsFolder } = options;
  const got = new Map<string, LockedFile>();
  let downloadedBytes = 0;
  // Graphs come first, so that a graph which names files outside the entry is refused before gigabytes of weights
  // have come.
  for (const file of plan.files.toSorted((a, b) => Number(isGraph(b.path)) - Number(isGraph(a.path)))) {
    let hashed = file.present;
    if (hashed === null) {
      let before: number | null = null;
      hashed = await downloadPlanned(file, options, (bytes) => {
        // Bytes of an earlier attempt, and a new beginning, do not count.
        if (before !== null) downloadedBytes += Math.max(0, bytes - before);
        before = bytes;
        meter(plan, file, bytes);
      });
    }
    got.set(file.path, lockedFileOf(file.path, hashed));
    if (isGraph(file.path)) checkGraph(folder, file.path, requiredFiles(model));
  }
  checkFiles(model, folder);
  const files = plan.files.map(({ path }) => got.get(path)!);
  await writeEntry(
    modelsFolder,
    model.name,
    lockedModelOf(parts, { folder: folderText(folder, modelsFolder), origin: 'pulled', files }),
  );
  const [own, ...components] = parts;
  return { name: model.name, folder, commit: own!.commit, components, downloadedBytes, files };
}

async function downloadPlanned(
  { repository, commit, target, expected }: PlannedFile,
  { hub, signal, onNotice, retryDelaysMs, modelsFolder }: PullOptions,
  onBytes: (bytes: number) => void,
): Promise<HashedFile> {
  requireBelow(modelsFolder, target);
  const { sha256 } = expected;
  if (sha256 !== null) {
    // Another model of the same repository may have brought the file a moment ago.
    const there = isOwnFile(target) ? await hashedFile(target, { signal }) : null;
    if (there?.sha256 === sha256) return there;
    const twin = await twinOf(expected, modelsFolder, readLock(modelsFolder), { signal });
    const linked = twin === null ? null : await linkTwin(twin, target, sha256);
    if (linked !== null) {
      onBytes(expected.bytes);
      return linked;
    }
  }
  return await download({
    target,
    expected,
    openFrom: (resume) => openHubFile(hub, repository, commit, expected.path, resume, signal),
    onBytes,
    onRetry: onNotice,
    delaysMs: retryDelaysMs ?? RETRY_DELAYS_MS,
    signal,
  });
}

/** Whether a regular file, and no link, is at the path. */
function isOwnFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
