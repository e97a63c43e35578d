import { withStore } from './store-checks.js';

/** The runs of an experiment, each with its failures and the number of its invocations. */
export function runsOf(data: string, experiment: string) {
  return withStore(data, async ({ db, runs }) => {
    const rows = await runs.list(experiment);
    return Promise.all(
      rows.map(async (run) => ({
        ...run,
        failures: await runs.failuresOf(run),
        invocations: Number(
          db.sqlite.prepare('select count(*) from invocations where run_id = ?').pluck().get(run.id),
        ),
      })),
    );
  });
}

/** Deletes everything of an experiment's runs except their seeds, as if they had never begun. */
export function resetIn(data: string, experiment: string): Promise<void> {
  return withStore(data, ({ db: { sqlite } }) => {
    const ids = 'select id from runs where experiment_id = ?';
    sqlite.transaction(() => {
      sqlite.prepare(`delete from diagrams where run_id in (${ids})`).run(experiment);
      sqlite.prepare(`delete from invocations where run_id in (${ids})`).run(experiment);
      sqlite
        .prepare(
          `update runs set status = 'pending', stop_reason = null, length = null, cycle_start = null, cycle_length = null,
             started_at = null, finished_at = null where experiment_id = ?`,
        )
        .run(experiment);
    })();
  });
}
