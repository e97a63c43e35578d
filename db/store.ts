import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { artifactTable } from './artifacts.js';
import { computedQueries } from './computed.js';
import { openDatabase, openDatabaseReadonly } from './connection.js';
import type { Connection } from './connection.js';
import { deletionTable } from './deletion.js';
import { diagramTable } from './diagrams.js';
import { experimentTable } from './experiments.js';
import { invocationTable } from './invocations.js';
import { DATABASE_FILE, OBJECTS_FOLDER } from './layout.js';
import { createObjectFolder } from './objects.js';
import { provenanceTables } from './provenance.js';
import { runTable } from './runs.js';
import { summaryQueries } from './summary.js';
import { surrogateTable } from './surrogates.js';
import { vectorTable } from './vectors.js';

/** Everything that is remembered: one SQLite file and the objects beside it. One per process. */
export type Store = ReturnType<typeof storeOver>;

/** Opens the store of a data folder, making it where there is none. */
export function openStore(folder: string): Store {
  mkdirSync(join(folder, OBJECTS_FOLDER), { recursive: true });
  return storeOver(openDatabase(join(folder, DATABASE_FILE)), join(folder, OBJECTS_FOLDER));
}

/**
 * Opens the store of a data folder for reading, beside whoever writes it; null where there is none yet. Makes nothing.
 * Throws InvalidInput where the tables are not those of this version.
 */
export function openStoreReadonly(folder: string): Store | null {
  const db = openDatabaseReadonly(join(folder, DATABASE_FILE));
  return db === null ? null : storeOver(db, join(folder, OBJECTS_FOLDER));
}

function storeOver(db: Connection, objectsFolder: string) {
  const objects = createObjectFolder(objectsFolder);
  const artifacts = artifactTable(db, objects);
  return {
    db,
    /** Number of migrations that made its tables. */
    schemaVersion: db.schemaVersion,
    objects,
    artifacts,
    experiments: experimentTable(db, artifacts),
    runs: runTable(db),
    provenance: provenanceTables(db),
    invocations: invocationTable(db, artifacts),
    computed: computedQueries(db),
    vectors: vectorTable(db),
    diagrams: diagramTable(db),
    surrogates: surrogateTable(db),
    summaries: summaryQueries(db),
    deletion: deletionTable(db, objects),
    async close(): Promise<void> {
      objects.close();
      await db.close();
    },
  };
}
