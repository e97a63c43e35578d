import { readMigrationFiles } from 'drizzle-orm/migrator';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Migration } from './compatibility.js';

/** The migrations of a drizzle folder, in their order. */
export function migrationFiles(folder: string): readonly Migration[] {
  const { entries }: { readonly entries: readonly { readonly tag: string }[] } = JSON.parse(
    readFileSync(join(folder, 'meta/_journal.json'), 'utf8'),
  );
  return readMigrationFiles({ migrationsFolder: folder }).map(({ sql }, index) => ({
    tag: entries[index]!.tag,
    statements: sql,
  }));
}
