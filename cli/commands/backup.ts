import { accessSync, constants, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { backUp, MANIFEST_FILE, openStoreReadonly, refuseTarget } from '../../db/index.js';
import type { Backup, BackupProgress } from '../../db/index.js';
import { PanicError } from '../../common/errors.js';
import { armFault } from '../../common/fault.js';
import type { KernelLock } from '../../common/kernel-lock.js';
import { makeFolder } from '../../common/make-folder.js';
import { pathProblem } from '../../common/path-text.js';
import { isThere } from '../../common/presence.js';
import {
  dataFolderAt,
  excludeWorkers,
  joinWorkers,
  refuseNoFolder,
} from '../../workers/settings/data-folder.js';
import type { DataFolder } from '../../workers/settings/data-folder.js';
import { noExperiments, placeText } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { bytes, count, plural } from '../terminal/format.js';
import { onInterrupt } from '../terminal/interruption.js';
import type { Interruption } from '../terminal/interruption.js';
import { bar, liveProgress } from '../terminal/live-display.js';
import { note, print, printJson } from '../terminal/output.js';
import { version } from '../program/package-info.js';

/** How many missing pictures are named one by one. The others are counted. */
const MOST_NAMED = 100;

/** `backup FOLDER`: makes a consistent copy of the data folder while other processes write to it. */
export async function backUpFolder(context: Context, target: string): Promise<number> {
  const { environment, place } = context;
  if (environment.fault !== undefined) armFault(environment.fault);
  if (place.database !== null) {
    throw new PanicError(
      'InvalidInput',
      `no copy of ${placeText(context)} is made here: back it up with pg_dump first, and its pictures with "${context.command('objects', 'copy', '--to', 'PLACE')}" afterwards (docs/backup.md)`,
    );
  }
  const problem = pathProblem(target);
  if (problem !== null) throw new PanicError('InvalidInput', `FOLDER ${problem}: "${target}"`);
  const copy = dataFolderAt(target);
  refuseNoFolder(copy.root);
  refuseInside(context.folder.root, copy.root);
  const using = useSource(context.folder);
  const interruption = onInterrupt();
  try {
    return await copyAndTell(context, copy, interruption);
  } catch (error) {
    const code = interruption.exitCode();
    if (code === null) throw error;
    note(
      'Stopped. What was copied stays, and takes the place of no earlier backup; the same command goes on from there.',
    );
    return code;
  } finally {
    interruption.end();
    using?.release();
  }
}

/** A copy inside its original would be lost together with it. */
function refuseInside(source: string, target: string): void {
  const [from, to] = [realPathOf(source), realPathOf(target)];
  if (!isWithin(to, from) && !isWithin(from, to)) return;
  throw new PanicError(
    'InvalidInput',
    `${to} and the data folder ${from} are one folder, or one is within the other; name another folder for the backup`,
  );
}

function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer + sep);
}

function realPathOf(path: string): string {
  const whole = resolve(path);
  if (isThere(whole)) return realpathSync(whole);
  return join(realPathOf(dirname(whole)), basename(whole));
}

/**
 * Keeps repairs out, since they may remove and rewrite what is being copied. Null for a user who may only read,
 * since that user cannot hold a lock.
 */
function useSource(folder: DataFolder): KernelLock | null {
  if (!isThere(folder.databaseFile)) return null;
  try {
    accessSync(folder.root, constants.W_OK);
  } catch {
    return null;
  }
  return joinWorkers(folder, 'back it up');
}

async function copyAndTell(context: Context, copy: DataFolder, { signal }: Interruption): Promise<number> {
  const { folder, place, json } = context;
  const source = openStoreReadonly(folder.root, place.objects);
  if (source === null) throw noExperiments(context);
  try {
    await source.objectsPlace.check();
    await refuseTarget({ source, folder: copy.root, signal });
    makeFolder(copy.root);
    const lock = await excludeWorkers(copy);
    const display = liveProgress<BackupProgress>({ silent: json, bars: progressText, line: progressText });
    let missing = 0;
    try {
      const made = await backUp({
        source,
        sourceFolder: folder.root,
        folder: copy.root,
        version: version(),
        signal,
        onProgress: (progress) => display.show(progress),
        onMissing(message) {
          if (++missing <= MOST_NAMED) note(`Not in the backup: ${message}`);
        },
      }).finally(() => display.done());
      if (missing > MOST_NAMED) note(`and ${plural(missing - MOST_NAMED, 'more picture')}`);
      if (json) printJson({ folder: copy.root, ...made.manifest, ...rest(made) });
      else report(context, copy.root, made);
      return made.manifest.missing === 0 ? EXIT.ok : EXIT.failed;
    } finally {
      lock.release();
    }
  } finally {
    await source.close();
  }
}

function rest({ counts, databaseCopies, unmentioned, unmentionedBytes, leftOut }: Backup) {
  const { copied, copiedBytes, present, replaced } = counts;
  return { copied, copiedBytes, present, replaced, databaseCopies, unmentioned, unmentionedBytes, leftOut };
}

function progressText(progress: BackupProgress): string {
  if (progress.stage === 'database') {
    return `database  ${bar(progress.pages, progress.of)} ${count(progress.pages)}/${count(progress.of)} pages`;
  }
  const { counts, of } = progress;
  return `pictures  ${bar(counts.objects, of)} ${count(counts.objects)}/${count(of)}, ${bytes(counts.bytes)}; ${count(counts.copied)} copied`;
}

function report({ command }: Context, folder: string, made: Backup): void {
  const { manifest, counts, databaseCopies, unmentioned, unmentionedBytes, leftOut } = made;
  const { experiments, runs, invocations, databaseBytes, missing } = manifest;
  print(
    `${folder} is a backup as of ${manifest.takenAt}: ${plural(experiments, 'experiment')}, ${plural(runs, 'run')}, ${plural(invocations, 'invocation')} (${bytes(databaseBytes)}), ` +
      `${plural(manifest.objects, 'picture')}: ${count(counts.copied)} copied (${bytes(counts.copiedBytes)}), ${count(counts.present)} there already` +
      `${counts.replaced === 0 ? '' : `, ${count(counts.replaced)} damaged there and replaced`}.`,
  );
  if (databaseCopies > 1) {
    print(
      `The database was copied ${count(databaseCopies)} times, since a deletion removed pictures meanwhile.`,
    );
  }
  if (unmentioned > 0) {
    print(
      `${plural(unmentioned, 'picture')} of earlier backups (${bytes(unmentionedBytes)}) ${unmentioned === 1 ? 'stays' : 'stay'} there, of rows that were deleted since; a new folder has none of these.`,
    );
  }
  if (leftOut.length > 0) print(`Not in the backup, since nothing needs it: ${leftOut.join(', ')}.`);
  if (missing > 0) {
    print(
      `${plural(missing, 'picture')} could not be copied, since the data folder itself lacks ${missing === 1 ? 'it' : 'them'}; "${command('doctor', '--fix')}" makes what it can again.`,
    );
  }
  print(`What it holds and when it was made is in ${join(folder, MANIFEST_FILE)}.`);
}
