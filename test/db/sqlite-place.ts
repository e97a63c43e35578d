import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../db/index.js';
import type { ObjectsPlace } from '../../db/index.js';
import { errorMessage } from '../../common/errors.js';
import { allRows } from '../support/store-checks.js';
import type { Place } from './place.js';

export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'panic-tda-db-'));

export function copiedFolder(folder: string): string {
  const copy = newFolder();
  cpSync(folder, copy, { recursive: true });
  return copy;
}

/** A copy of a data folder that no process has open. */
export function sqliteCopy(folder: string): Place {
  return sqlitePlace(copiedFolder(folder), null);
}

export function sqlitePlace(folder: string, objects: ObjectsPlace | null): Place {
  const store = openStore(folder, objects);
  const { sqlite } = store.db;
  return {
    folder,
    store,
    async sql(statements) {
      sqlite.exec(statements);
    },
    async fault(change, condition = 'true') {
      sqlite.exec(
        `create trigger fault before ${change} when ${condition} begin select raise(abort, 'pulled out'); end`,
      );
    },
    async mend() {
      sqlite.exec('drop trigger fault');
    },
    run: async (statement, ...values) => sqlite.prepare(statement).run(...values).changes,
    async unguarded(statement, ...values) {
      const triggers = sqlite
        .prepare<[], { name: string; sql: string }>(
          `select name, sql from sqlite_master where type = 'trigger'`,
        )
        .all();
      sqlite.pragma('ignore_check_constraints = ON');
      sqlite.pragma('foreign_keys = OFF');
      try {
        return sqlite.transaction(() => {
          for (const { name } of triggers) sqlite.exec(`drop trigger ${name}`);
          const { changes } = sqlite.prepare(statement).run(...values);
          for (const trigger of triggers) sqlite.exec(trigger.sql);
          return { changes, dropped: [] };
        })();
      } finally {
        sqlite.pragma('ignore_check_constraints = OFF');
        sqlite.pragma('foreign_keys = ON');
      }
    },
    one: async (query, ...values) =>
      sqlite
        .prepare(query)
        .pluck()
        .get(...values),
    column: async (query) => sqlite.prepare(query).pluck().all(),
    rows: async () => allRows(folder),
    async trial() {
      sqlite.exec('begin');
      return {
        async sql(statements) {
          sqlite.exec(statements);
        },
        column: async (query) => sqlite.prepare(query).pluck().all(),
        async refusal(statements) {
          sqlite.exec('savepoint trial');
          try {
            sqlite.exec(statements);
            return '';
          } catch (error) {
            sqlite.exec('rollback to trial');
            return errorMessage(error);
          }
        },
        async only() {
          // SQLite names the first check in the order of the table, and the tests know it.
        },
        async rollback() {
          sqlite.exec('rollback');
        },
      };
    },
    async remove() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}
