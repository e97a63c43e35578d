import type Database from 'better-sqlite3';
import { RESTORE } from './violation.js';
import type { Violation } from './violation.js';

/** The file itself: pages, indices, column checks and foreign keys, by SQLite's own means: its first 100 findings. */
export function* checkDatabase(db: Database.Database): Generator<Violation> {
  const problems = db
    .prepare<[], { problem: string }>('select integrity_check as problem from pragma_integrity_check')
    .all();
  for (const { problem } of problems) {
    if (problem === 'ok') continue;
    const table = /(?:failed in|value in) (\w+)/.exec(problem)?.[1] ?? 'database';
    yield { invariant: 6, table, id: 'integrity_check', message: `${problem}; ${RESTORE}` };
  }
  const dangling = db.prepare<[], { table: string; rowid: number; parent: string }>(
    `select "table", rowid, parent from pragma_foreign_key_check`,
  );
  for (const { table, rowid, parent } of dangling.iterate()) {
    yield {
      invariant: 6,
      table,
      id: rowid,
      message: `row ${rowid} of ${table} points at a row of ${parent} that is missing; ${RESTORE}`,
    };
  }
}
