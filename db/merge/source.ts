import type Sqlite from 'better-sqlite3';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import { getTableName } from 'drizzle-orm';
import { openSnapshot, snapshotOf } from '../connection/sqlite.js';
import type { Connection } from '../connection/sqlite.js';
import { columnNames, columnsOf, selected } from '../columns.js';
import type { Row } from '../columns.js';
import { experimentReader } from '../read/experiment-reader.js';
import { artifacts, hosts, models, vectors } from '../schema.js';
import { LAST_WORK } from '../tables/rests.js';

/**
 * The reading side of a merge: an experiment's rows in another SQLite file, as it is at one moment, and the
 * rows that they point at, by id. The transactions of the target ask for the latter and cannot wait: so
 * `model`, `host`, `artifact` and `vector` answer at once.
 */
export type MergeSource = ReturnType<typeof mergeSource>;

/** The caller closes it. */
export function mergeSource(db: Connection) {
  const sqlite = openSnapshot(db);
  const snapshot = snapshotOf(sqlite, db.file, db.name);

  /**
   * The time of the last stored row of an experiment, milliseconds since the epoch; null if there is none.
   */
  async function lastWork(experiment: string): Promise<number | null> {
    for await (const { at } of snapshot.rows<{ at: number | null }>(LAST_WORK, experiment)) return at;
    return null;
  }

  return {
    reader: experimentReader(snapshot),
    lastWork,
    model: rowsById(sqlite, models),
    host: rowsById(sqlite, hosts),
    artifact: rowsById(sqlite, artifacts),
    vector: rowsById(sqlite, vectors),
    close: () => snapshot.close(),
  };
}

/** Reads whole rows of a table that has ids. The function throws if one is missing. */
function rowsById<T extends SQLiteTable>(sqlite: Sqlite.Database, table: T): (id: number) => Row<T> {
  const name = getTableName(table);
  const columns = selected(columnsOf(table, 'x'), columnNames(table));
  const statement = sqlite.prepare<[number], Row<T>>(`select ${columns} from ${name} x where x.id = ?`);
  return (id) => {
    const row = statement.get(id);
    if (row === undefined)
      throw new Error(`row ${id} of ${name} of the source is missing, although its invariants hold`);
    return row;
  };
}
