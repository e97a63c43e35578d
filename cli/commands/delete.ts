import { compact } from '../../db/index.js';
import type { DeletionPreview, ExperimentRow, Removal, Store } from '../../db/index.js';
import { assertNever, PanicError } from '../../common/errors.js';
import { armFault } from '../../common/fault.js';
import { excludeWorkers } from '../../workers/settings/data-folder.js';
import { confirmed } from '../terminal/confirm.js';
import type { Context } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { createObserver, elsewhereText } from '../session/who-drives.js';
import type { Driven } from '../session/who-drives.js';
import { findExperiment } from '../lookup/find-experiment.js';
import { bytes, count, oneLine, plural, table, time } from '../terminal/format.js';
import { bar, liveProgress } from '../terminal/live-display.js';
import { withWritableStore } from '../session/open-for-writing.js';
import { heading, note, print, printJson } from '../terminal/output.js';

export interface DeleteOptions {
  /** Do not ask the user. */
  readonly yes: boolean;
  /** Shrink the database file by the unused room. */
  readonly compact: boolean;
  /** Also delete if another Temporal service has the experiment. */
  readonly takeOver: boolean;
}

/** `delete ID`: deletes all rows of an experiment, and what only these rows point at. */
export async function deleteExperiment(
  context: Context,
  id: string,
  options: DeleteOptions,
): Promise<number> {
  if (context.environment.fault !== undefined) armFault(context.environment.fault);
  if (options.compact && context.place.database !== null) {
    throw new PanicError(
      'InvalidInput',
      '--compact is of an SQLite file; Postgres uses the room of deleted rows again by itself. Nothing was done.',
    );
  }
  return await withWritableStore(context, async (store) => {
    const row = await findExperiment(context, store, id);
    await refuseWhileDriven(context, row, options.takeOver);
    await store.objectsPlace.requireOwn();
    const preview = await store.deletion.preview(row.id);
    if (!context.json) printPreview(row, preview);
    if (!options.yes && !(await confirmed(`delete experiment ${row.id} for ever`))) {
      note('Nothing was deleted.');
      return EXIT.ok;
    }
    const removed = await deleteRows(context, store, row, preview);
    const compacted = options.compact ? await compactAlone(context, store) : null;
    if (context.json) {
      printJson({
        experiment: row.id,
        deleted: preview,
        objectBytesRemoved: removed.removedBytes,
        compacted,
      });
      return EXIT.ok;
    }
    print(
      `Deleted experiment ${row.id}: ${plural(preview.runs, 'run')}, ${plural(preview.invocations, 'invocation')}, ${plural(removed.removed, 'object')} (${bytes(removed.removedBytes)}).`,
    );
    if (compacted !== null) {
      print(
        `The database file has ${bytes(compacted.bytesAfter)} now, before ${bytes(compacted.bytesBefore)}.`,
      );
    }
    return EXIT.ok;
  });
}

async function refuseWhileDriven(context: Context, row: ExperimentRow, takeOver: boolean): Promise<void> {
  const observer = createObserver(context);
  try {
    const driven = await observer.driven(row);
    const who = driverText(driven);
    if (who === null || (takeOver && driven.by === 'elsewhere')) return;
    if (driven.by === 'elsewhere') {
      throw new PanicError(
        'InvalidInput',
        `experiment ${row.id} cannot be deleted: ${who}; cancel it there first, or, where that service is gone for good, add --take-over. Nothing was done.`,
      );
    }
    throw new PanicError(
      'InvalidInput',
      `experiment ${row.id} cannot be deleted: ${who}; "${context.command('cancel', row.id)}" ends it first. Nothing was done.`,
    );
  } finally {
    await observer.close();
  }
}

function driverText(driven: Driven): string | null {
  switch (driven.by) {
    case 'nobody':
      return null;
    case 'process':
      return `process ${driven.pid} runs it`;
    case 'service':
      return `the Temporal service at ${driven.address} runs it`;
    case 'elsewhere':
      return elsewhereText(driven);
    case 'unknown':
      return `whether the Temporal service at ${driven.address} runs it is not known: ${driven.reason}`;
    default:
      return assertNever(driven);
  }
}

/**
 * Marks the experiment, deletes its rows step by step, then the objects, then its own row. A second call
 * continues after any interruption.
 */
async function deleteRows(
  context: Context,
  { experiments, deletion }: Store,
  { id, driverWorkflowId, driverRunId }: ExperimentRow,
  { invocations }: DeletionPreview,
): Promise<{ readonly removed: number; readonly removedBytes: number }> {
  const driver =
    driverWorkflowId === null || driverRunId === null
      ? null
      : { workflowId: driverWorkflowId, runId: driverRunId };
  if (!(await deletion.begin(id, driver, Date.now()))) {
    const again = (await experiments.find(id)) === null ? 'is gone already' : 'was started just now';
    throw new PanicError('InvalidInput', `experiment ${id} ${again}; nothing was deleted`);
  }
  const display = liveProgress<number>({
    silent: context.json,
    bars: (done) => `invocations  ${bar(done, invocations)} ${count(done)}/${count(invocations)}`,
    line: (done) => `deleted ${count(done)} of ${plural(invocations, 'invocation')}`,
  });
  try {
    for (let done = 0; ;) {
      const step = await deletion.step(id);
      done += step.invocations;
      display.show(done);
      if (step.done) break;
    }
  } finally {
    display.done();
  }
  const removed = await deletion.removeObjects(Date.now);
  await deletion.end(id);
  return removed;
}

async function compactAlone(context: Context, { db }: Store) {
  const lock = await excludeWorkers(context.folder);
  try {
    return compact(db);
  } finally {
    lock.release();
  }
}

function printPreview(row: ExperimentRow, preview: DeletionPreview): void {
  const name = row.name === null ? '' : ` "${oneLine(row.name)}"`;
  const begun =
    row.deletingAt === null ? '' : ` (its deletion was begun ${time(row.deletingAt)}; this is what is left)`;
  const rows = [
    ['', 'goes', 'stays, since other experiments have it too'],
    ['runs', count(preview.runs), ''],
    ['invocations', count(preview.invocations), ''],
    ['embeddings', count(preview.embeddings), ''],
    ['diagrams', count(preview.diagrams), ''],
    ['numbers of trajectories', count(preview.runStatistics), ''],
    ['surrogates', count(preview.surrogates), ''],
    ['failures logged', count(preview.failures), ''],
    removalRow('vectors', preview.vectors),
    removalRow('texts', preview.texts),
    removalRow('pictures', preview.objects),
  ];
  print(`${heading(`Experiment ${row.id}${name}`)}${begun}\n`);
  print(table(rows));
  if (preview.reusedElsewhere > 0) {
    print(
      `\n${plural(preview.reusedElsewhere, 'invocation')} of other experiments ${preview.reusedElsewhere === 1 ? 'was' : 'were'} copied from this one. They and their outputs stay; what computed them (files, device, batch, time) is no longer known, and equal work will be computed again.`,
    );
  }
}

function removalRow(what: string, { removed, removedBytes, shared }: Removal): string[] {
  return [what, `${count(removed)} (${bytes(removedBytes)})`, count(shared)];
}
