import { placeText, readingStore } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { createObserver, stateOf, stateText } from '../session/who-drives.js';
import { count, isoTime, oneLine, table, time } from '../terminal/format.js';
import { note, print, printJson } from '../terminal/output.js';

/** `list`: the experiments of the data folder, newest first. */
export async function listExperiments(context: Context): Promise<number> {
  const observer = createObserver(context);
  try {
    return await readingStore(context, async (store) => {
      const rows = (await store?.experiments.list())?.toReversed() ?? [];
      const experiments = await Promise.all(
        rows.map(async (row) => ({
          id: row.id,
          name: row.name,
          state: stateOf(row, await observer.driven(row)),
          runs: row.runCount,
          finished: (await store!.experiments.runsByStatus(row.id)).finished,
          createdAt: row.createdAt,
        })),
      );
      if (context.json) {
        printJson(experiments.map(({ createdAt, ...row }) => ({ ...row, createdAt: isoTime(createdAt) })));
      } else if (experiments.length === 0) {
        note(`No experiments in ${placeText(context)} yet; "${context.command('run', 'FILE')}" makes one.`);
      } else {
        const lines = experiments.map(({ id, name, state, runs, finished, createdAt }) => [
          id,
          stateText(state),
          `${count(finished)}/${count(runs)}`,
          time(createdAt),
          name === null ? '' : oneLine(name),
        ]);
        print(table([['id', 'status', 'runs', 'created', 'name'], ...lines], [2]));
      }
      return EXIT.ok;
    });
  } finally {
    await observer.close();
  }
}
