import type Sqlite from 'better-sqlite3';
import type { SQL } from 'drizzle-orm';
import type { BaseSQLiteDatabase } from 'drizzle-orm/sqlite-core';
import type { TablesNow, TablesVersion } from '../versions/compatibility.js';
import type * as schema from '../schema.js';
import type { Work } from './work.js';

/** Makes statements. Run them inside `read` and `write` only, whatever methods they offer themselves. */
export type Builder = BaseSQLiteDatabase<'sync', Sqlite.RunResult, typeof schema>;

/** The functions of a database that the tables need. */
export interface Database {
  readonly dialect: 'sqlite' | 'postgres';
  /** The database for people: a path, or a name and the server's address. */
  readonly name: string;
  readonly build: Builder;
  /** Runs work that changes nothing. */
  readonly read: <T>(work: () => Work<T>) => Promise<T>;
  /**
   * Runs work in one transaction, which is durable when the promise resolves. If the work throws, the
   * transaction leaves nothing. No other write of this process runs in between, and no write of another
   * process that this work would have to see.
   */
  readonly write: <T>(work: () => Work<T>) => Promise<T>;
  /** The rows of a query in SQL, under the names that the query gives its columns. */
  readonly rows: <T>(query: SQL) => Work<T[]>;
  /** For reading much, row by row, as it is now. Close it soon. */
  snapshot(): Promise<Snapshot>;
  /** Number of migrations that made the tables. */
  readonly schemaVersion: number;
  /** Of which version the tables were when this process opened them; a newer one's may be read, and written to, where they say so. */
  readonly tables: TablesVersion;
  /** The same at this moment: another process may have migrated them since. */
  readonly tablesNow: () => Promise<TablesNow>;
  /**
   * What this database is that no copy of it is, wherever it is moved: words with spaces between, of which "?" is one that could not be asked
   * for. Null where nothing says so yet; with `draw` that is then made (of an SQLite file, which says it beside itself).
   */
  readonly instance: (draw: boolean) => Promise<string | null>;
  /** What the rows take, bytes. */
  readonly size: () => Promise<number>;
  /** Those of this process at this moment; null for a file, which has one for all. */
  readonly connections: () => Connections | null;
  /** To be called when every write is settled. */
  close(): Promise<void>;
}

/** Connections of a process to a database of several machines. */
export interface Connections {
  readonly inUse: number;
  readonly idle: number;
  /** Calls that wait for one. */
  readonly waiting: number;
  readonly most: number;
}

export type SqlValue = string | number | null;

/** A database as it was at one moment, whatever other processes write meanwhile. */
export interface Snapshot {
  /**
   * Rows of a query, one at a time; each `?` stands for the next value. Several queries may be open at once.
   */
  rows<T>(query: string, ...values: readonly SqlValue[]): AsyncIterable<T>;
  close(): Promise<void>;
}
