import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import { MIGRATIONS } from '../connection.js';
import { SCHEMA_OBJECTS } from './database.js';
import type { SchemaObject } from './database.js';

/** The triggers and indices that the migrations of this version make. */
export function expectedSchema(): SchemaObject[] {
  const sqlite = new Database(':memory:');
  try {
    migrate(drizzle(sqlite), { migrationsFolder: MIGRATIONS });
    return sqlite.prepare<[], SchemaObject>(SCHEMA_OBJECTS).all();
  } finally {
    sqlite.close();
  }
}
