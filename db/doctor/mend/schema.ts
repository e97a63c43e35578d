import type { Connection } from '../../connection.js';
import type { Work } from '../../work.js';
import { expectedSchema } from '../schema-objects.js';

/** Makes a trigger or an index what the migrations of this version say. Throws where rows do not allow for it. */
export function restoreSchema({ sqlite }: Connection, name: string): void {
  const wanted = expectedSchema().find((object) => object.name === name);
  if (wanted === undefined) throw new Error(`this version has no ${name}`);
  sqlite.transaction(() => {
    sqlite.exec(`drop ${wanted.type} if exists "${name}"`);
    sqlite.exec(wanted.sql);
  })();
}

const IMMUTABLE = 'artifacts_are_immutable';

/** Changes rows of artifacts, which nobody else may, within a transaction. */
export function* rewriteArtifacts({ sqlite }: Connection, change: () => Work<void>): Work<void> {
  const trigger = expectedSchema().find(({ name }) => name === IMMUTABLE);
  if (trigger === undefined) throw new Error(`this version has no ${IMMUTABLE}`);
  sqlite.exec(`drop trigger if exists ${IMMUTABLE}`);
  yield* change();
  sqlite.exec(trigger.sql);
}
