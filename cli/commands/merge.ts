import { isThere, statIfThere } from '../../common/presence.js';
import { basename, dirname, join, resolve } from 'node:path';
import {
  connectStore,
  connectStoreAlone,
  connectStoreReadonly,
  isNewer,
  newerRemark,
  OlderTables,
  DATABASE_FILE,
  openStoreReadonly,
  upgradedText,
} from '../../db/index.js';
import { checkInvariants } from '../../db/doctor/index.js';
import { mergeStores } from '../../db/merge/index.js';
import type { Connection, Store } from '../../db/index.js';
import type { MergedExperiment, MergeProgress } from '../../db/merge/index.js';
import { PanicError } from '../../common/errors.js';
import { armFault } from '../../common/fault.js';
import {
  dataFolderAt,
  excludeWorkers,
  openDataFolder,
  readRunInfo,
} from '../../workers/settings/data-folder.js';
import { closeFolder } from '../session/closed-folder.js';
import { shellQuoted } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { createObserver } from '../session/who-drives.js';
import { bytes, count, oneLine, plural, table } from '../terminal/format.js';
import { bar, liveProgress } from '../terminal/live-display.js';
import { note, print, printJson } from '../terminal/output.js';

const VIOLATIONS_SHOWN = 10;
const QUIET_MS = 5000;

/**
 * `merge SOURCE`: adds the experiments of another data folder to this one, or to a database of several
 * machines.
 */
export async function mergeFolder(
  context: Context,
  sourcePath: string,
  { dryRun }: { readonly dryRun: boolean },
): Promise<number> {
  if (context.environment.fault !== undefined) armFault(context.environment.fault);
  const sourceFolder = sourceFolderOf(context, sourcePath);
  const source = openSource(sourceFolder);
  try {
    refuseNewer(source);
    await refuseViolations(source, `the source ${sourceFolder}`, `panic-tda doctor --data ${sourceFolder}`);
    if (dryRun) {
      const target = await connectStoreReadonly(context.place);
      try {
        if (target !== null) refuseNewer(target);
        return await merge(context, source, target, true, sourceFolder);
      } finally {
        await target?.close();
      }
    }
    return await withTarget(context, async (target) => {
      refuseNewer(target);
      const given = await target.objectsPlace.settle();
      if (given !== null) note(given);
      return await merge(context, source, target, false, sourceFolder);
    });
  } finally {
    await source.close();
  }
}

/** Passes the target to `use` while no other process writes to it. */
async function withTarget<T>(context: Context, use: (target: Store) => Promise<T>): Promise<T> {
  const { database } = context.place;
  const folder = openDataFolder(context.folder.root);
  closeFolder(context);
  const lock = database === null ? await excludeWorkers(folder) : null;
  try {
    const target =
      database === null
        ? await connectStore(context.place, (file, before) =>
            note(upgradedText(file, before, context.command('upgrade'))),
          )
        : await connectStoreAlone({ ...context.place, database });
    try {
      return await use(target);
    } finally {
      await target.close();
    }
  } finally {
    lock?.release();
  }
}

async function merge(
  context: Context,
  source: Store<Connection>,
  target: Store | null,
  dryRun: boolean,
  sourceFolder: string,
): Promise<number> {
  const observer = createObserver(context);
  const busy = async (id: string): Promise<string | null> => {
    const row = (await target?.experiments.find(id)) ?? null;
    if (row === null) return null;
    if (row.deletingAt !== null) return 'it is being deleted in the target';
    return (await observer.driven(row)).by === 'nobody' ? null : 'it is running in the target';
  };
  const merged: MergedExperiment[] = [];
  const display = liveProgress<MergeProgress>({
    silent: context.json || dryRun,
    cursor: true,
    bars: ({ experiment, runs, of }) =>
      `merging ${experiment}  ${bar(runs, of)} ${count(runs)}/${count(of)} runs`,
    line: ({ experiment, runs, of }) => `merging ${experiment}: ${count(runs)} of ${plural(of, 'run')}`,
  });
  try {
    // A short merge shows only the table.
    const quietUntil = performance.now() + QUIET_MS;
    const onProgress = (progress: MergeProgress): void => {
      if (performance.now() > quietUntil) display.show(progress);
    };
    for await (const one of mergeStores({ source, target, dryRun, busy, now: Date.now, onProgress })) {
      merged.push(one);
      if (!dryRun && target !== null && (one.outcome === 'new' || one.outcome === 'extended')) {
        const check = context.command('doctor', '--experiment', one.experiment);
        await refuseViolations(target, `experiment ${one.experiment} after the merge`, check, one.experiment);
      }
    }
  } finally {
    display.done();
    await observer.close();
  }
  if (context.json) printJson({ dryRun, experiments: merged });
  else printMerged(merged, dryRun, sourceFolder);
  return merged.some(({ outcome }) => outcome === 'conflict') ? EXIT.failed : EXIT.ok;
}

/** The data folder that the path means. The path may also name the database file in it. */
function sourceFolderOf({ folder, place }: Context, path: string): string {
  if (/^postgres(ql)?:/i.test(path)) {
    // Do not repeat the address: it may hold a password.
    throw new PanicError(
      'InvalidInput',
      'a source is a data folder with an SQLite file; a Postgres database cannot be merged from',
    );
  }
  const given = resolve(path);
  const isFile = statIfThere(given)?.isFile() === true;
  const root = isFile ? dirname(given) : given;
  if ((isFile && basename(given) !== DATABASE_FILE) || !isThere(join(root, DATABASE_FILE))) {
    throw new PanicError(
      'InvalidInput',
      `${path} is no data folder: a source is a folder with ${DATABASE_FILE} and its objects, or that file`,
    );
  }
  if (root === folder.root && place.database === null) {
    throw new PanicError('InvalidInput', `source and target are both ${root}; --data names another target`);
  }
  const running = readRunInfo(dataFolderAt(root));
  if (running === undefined) return root;
  throw new PanicError(
    'InvalidInput',
    `process ${running.pid} is running experiments in the source ${root}; wait for it, or stop it with Ctrl-C`,
  );
}

/** Opens the source for reading only, so that it stays as it is. */
function openSource(root: string): Store<Connection> {
  let store: Store<Connection> | null = null;
  try {
    store = openStoreReadonly(root);
  } catch (error) {
    if (!(error instanceof OlderTables)) throw error;
    throw new PanicError(
      'InvalidInput',
      `${error.message}. A source has to be of this version: bring it, or a copy of it, up to date with "${inFolder(root, 'upgrade')}"`,
      { cause: error },
    );
  }
  if (store === null) throw new PanicError('InvalidInput', `the source ${root} holds no experiments yet`);
  return store;
}

/** Refuses a newer version: the merge would silently leave out the columns that this version does not know. */
function refuseNewer({ db: { name, tables } }: Store): void {
  if (!isNewer(tables)) return;
  throw new PanicError(
    'InvalidInput',
    `${newerRemark(name, tables)} A merge copies whole rows: do it with the newer version`,
  );
}

async function refuseViolations(
  { db, objects }: Store,
  what: string,
  doctor: string,
  experiment?: string,
): Promise<void> {
  const found: string[] = [];
  let total = 0;
  const only = experiment === undefined ? {} : { experiment };
  for await (const { table: name, id, message } of checkInvariants(db, objects, only)) {
    total++;
    if (total <= VIOLATIONS_SHOWN) found.push(`  ${name} ${id}: ${message}`);
  }
  if (total === 0) return;
  const more = total > found.length ? `\n  and ${plural(total - found.length, 'more violation')}` : '';
  throw new Error(
    `${what} breaks invariants, and is not merged any further; "${doctor}" says what mends it:\n${found.join('\n')}${more}`,
  );
}

function printMerged(merged: readonly MergedExperiment[], dryRun: boolean, sourceFolder: string): void {
  const rows = merged.map(({ experiment, name, outcome, added, objects, objectBytes }) => [
    experiment,
    dryRun && outcome !== 'equal' && outcome !== 'conflict' ? `would be ${outcome}` : outcome,
    count(added.run),
    count(added.invocation),
    count(added.embedding),
    count(added.diagram),
    `${count(objects)} (${bytes(objectBytes)})`,
    name === null ? '' : oneLine(name),
  ]);
  const header = [
    'experiment',
    'outcome',
    'runs',
    'invocations',
    'vectors',
    'diagrams by dimension',
    'pictures',
    'name',
  ];
  print(table([header, ...rows], [2, 3, 4, 5, 6]));
  for (const one of merged) if (one.conflicts.length > 0) noteConflicts(one, sourceFolder);
}

function noteConflicts(merged: MergedExperiment, sourceFolder: string): void {
  const { experiment, name, conflicts, conflictingRuns, drawnApart, agreeingRuns } = merged;
  const runs =
    conflictingRuns === 0
      ? ''
      : ` (${plural(conflictingRuns, 'run')} ${conflictingRuns === 1 ? 'disagrees' : 'disagree'} with the target's, ${count(agreeingRuns)} ${agreeingRuns === 1 ? 'agrees' : 'agree'})`;
  note(`\nExperiment ${experiment} was left as it is in the target${runs}:`);
  for (const conflict of conflicts) note(`  ${conflict}`);
  const told = conflicts.filter((line) => line.startsWith('run ')).length;
  if (conflictingRuns > told) note(`  and ${plural(conflictingRuns - told, 'more run')}`);
  if (drawnApart === 0) return;
  note(
    `Runs of seed -1 were planned in each folder and drew other seeds: they are other runs. To have both, make the source's another ` +
      `experiment by a name. There, equal work is copied:\n` +
      `  ${inFolder(sourceFolder, 'show', experiment, '--experiment-file')} > named.json\n` +
      `  put a name in the place of "name": ${JSON.stringify(name)} of named.json\n` +
      `  ${inFolder(sourceFolder, 'run', 'named.json')}\n` +
      `and merge again. "${inFolder(sourceFolder, 'delete', experiment)}" deletes the one without that name, which would still disagree.`,
  );
}

/** A command as the user would type it for another data folder. */
function inFolder(folder: string, ...words: readonly string[]): string {
  return ['npx panic-tda', ...words, '--data', shellQuoted(folder)].join(' ');
}
