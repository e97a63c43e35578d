import { randomBytes } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { plannedMigration } from '../../versions/compatibility.js';
import type { StatedVersions, TablesVersion } from '../../versions/compatibility.js';
import { isSqlite } from '../../connection/sqlite.js';
import type { Database } from '../../connection/database.js';
import { migrationFiles } from '../../versions/migration-files.js';
import { MIGRATIONS } from '../../versions/own-schema.js';
import { plannedFor } from '../../postgres/migrate.js';
import { databases } from '../../schema.js';
import { get, run } from '../../connection/work.js';

/** The length that the table's check demands. */
const ID_CHARACTERS = 32;

/**
 * Restores the one row of the table `databases`: with its present id or a new one, and with the statements of
 * the migrations.
 */
export async function restoreDatabaseRow(db: Database): Promise<void> {
  const { build } = db;
  const stated = statedByMigrations(db);
  await db.write(function* () {
    const row = yield* get(
      build.select({ id: databases.databaseId }).from(databases).where(eq(databases.id, 1)),
    );
    const databaseId =
      row?.id.length === ID_CHARACTERS ? row.id : randomBytes(ID_CHARACTERS / 2).toString('hex');
    yield* run(build.delete(databases));
    yield* run(build.insert(databases).values({ id: 1, databaseId, ...stated }));
  });
}

function statedByMigrations(db: Database): StatedVersions {
  const none: TablesVersion = { applied: 0, known: db.tables.known, stated: null };
  const { after } = isSqlite(db) ? plannedMigration(none, migrationFiles(MIGRATIONS)) : plannedFor(none);
  if (after === null) throw new Error('no migration makes the row of the table databases');
  return after;
}
