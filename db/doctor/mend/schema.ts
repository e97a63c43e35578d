import { sql } from 'drizzle-orm';
import { isSqlite } from '../../connection/sqlite.js';
import type { Connection } from '../../connection/sqlite.js';
import type { Database } from '../../connection/database.js';
import { expectedObjects } from '../../postgres/schema-objects.js';
import { run } from '../../connection/work.js';
import type { Work } from '../../connection/work.js';
import { ownRules } from '../schema-objects.js';

/**
 * Restores a trigger, an index or another rule of a table to the form that the migrations of this version
 * make. Throws if existing rows break the rule.
 */
export async function restoreSchema(db: Database, name: string): Promise<void> {
  if (isSqlite(db)) {
    restoreInFile(db, name);
    return;
  }
  const wanted = expectedObjects().find((object) => object.name === name);
  if (wanted === undefined) throw new Error(`this version has no ${name}`);
  await db.write(function* () {
    for (const statement of wanted.restore) yield* execute(db, statement);
  });
}

function restoreInFile({ sqlite }: Connection, name: string): void {
  const wanted = ownRules().find((object) => object.name === name);
  if (wanted === undefined) throw new Error(`this version has no ${name}`);
  sqlite.transaction(() => {
    sqlite.exec(`drop ${wanted.type} if exists "${name}"`);
    sqlite.exec(wanted.sql);
  })();
}

const IMMUTABLE = 'artifacts_are_immutable';

/** Changes rows of artifacts within a transaction. A trigger forbids such changes to all other code. */
export function* rewriteArtifacts(db: Database, change: () => Work<void>): Work<void> {
  if (!isSqlite(db)) {
    yield* execute(db, `alter table artifacts disable trigger ${IMMUTABLE}`);
    yield* change();
    yield* execute(db, `alter table artifacts enable trigger ${IMMUTABLE}`);
    return;
  }
  const trigger = ownRules().find(({ name }) => name === IMMUTABLE);
  if (trigger === undefined) throw new Error(`this version has no ${IMMUTABLE}`);
  db.sqlite.exec(`drop trigger if exists ${IMMUTABLE}`);
  yield* change();
  db.sqlite.exec(trigger.sql);
}

function* execute({ build }: Database, statement: string): Work<void> {
  yield* run({ run: () => build.run(sql.raw(statement)) });
}
