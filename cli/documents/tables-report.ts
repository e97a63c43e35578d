import { accessTo, RELEASES } from '../../db/index.js';
import type { Access, Dialect, PlannedMigration, TablesVersion } from '../../db/index.js';
import { plural } from '../terminal/format.js';
import { version as thisVersion } from '../program/package-info.js';

/** What one version may do with the tables. */
export interface VersionAccess {
  readonly version: string;
  /** How many migrations the version knows. */
  readonly migrations: number;
  readonly access: Access;
  /** The access after the missing migrations are made. Null if none is missing. */
  readonly accessAfterwards: Access | null;
}

/** Tables as `--json` prints them; the same for SQLite and Postgres. */
export interface TablesDocument {
  readonly database: string;
  /** How many migrations made the tables, and how many this version knows. */
  readonly migrations: number;
  readonly known: number;
  /** Whether the tables have all migrations of this version. */
  readonly upToDate: boolean;
  /**
   * The first version that has these tables, and how many migrations a version must know to read and to write
   * them. Null for tables from before 0.2.0.
   */
  readonly version: string | null;
  readonly readableFrom: number | null;
  readonly writableFrom: number | null;
  /** What this version may do with the tables. */
  readonly access: Access;
  readonly versions: readonly VersionAccess[];
  readonly missing: PlannedMigration['missing'];
  /**
   * Whether workers of the previous version may continue while the missing migrations are made, and afterwards.
   */
  readonly besideWriters: boolean;
  /** The names of the connections that write to the tables now. Null for an SQLite file, which knows none. */
  readonly writers: readonly string[] | null;
}

export interface Tables {
  readonly database: string;
  readonly dialect: Dialect;
  readonly tables: TablesVersion;
  readonly plan: PlannedMigration;
  readonly writers: readonly string[] | null;
}

export function tablesDocument({ database, dialect, tables, plan, writers }: Tables): TablesDocument {
  const { applied, known, stated } = tables;
  return {
    database,
    migrations: applied,
    known,
    upToDate: applied >= known,
    version: stated?.version ?? null,
    readableFrom: stated?.readableFrom ?? null,
    writableFrom: stated?.writableFrom ?? null,
    access: accessTo(tables),
    versions: knownVersions(dialect, tables).map(({ version, migrations }) => ({
      version,
      migrations,
      access: accessTo({ ...tables, known: migrations }),
      accessAfterwards:
        applied < known ? accessTo({ applied: known, known: migrations, stated: plan.after }) : null,
    })),
    missing: plan.missing,
    besideWriters: plan.besideWriters,
    writers,
  };
}

interface KnownVersion {
  readonly version: string;
  readonly migrations: number;
}

/** The releases, this version, and the version that made the tables. */
function knownVersions(dialect: Dialect, { applied, known, stated }: TablesVersion): KnownVersion[] {
  const versions = RELEASES.map((release) => ({ version: release.version, migrations: release[dialect] }));
  const others = [
    { version: thisVersion(), migrations: known },
    ...(stated === null ? [] : [{ version: stated.version, migrations: applied }]),
  ];
  for (const other of others) {
    if (versions.every(({ version }) => version !== other.version)) versions.push(other);
  }
  return versions.toSorted((one, other) => one.migrations - other.migrations);
}

/** The same report for people, one sentence a line. */
export function tablesText(document: TablesDocument): string {
  const { database, migrations, known, version, writers } = document;
  const from = version === null ? '' : `version ${version}, `;
  const state =
    migrations === known
      ? `is of this version (${from}${plural(migrations, 'migration')})`
      : migrations < known
        ? `is of an older version (${from}${migrations} of ${known} migrations)`
        : `is of a newer version (${from}${migrations} migrations, this one knows ${known})`;
  const connected =
    writers === null || writers.length === 0 ? [] : [`Connected to write: ${writers.join(', ')}.`];
  return [
    `${database} ${state}.`,
    ...document.versions.map(versionText),
    ...migrationText(document),
    ...connected,
  ].join('\n');
}

function versionText({ version, migrations, access, accessAfterwards }: VersionAccess): string {
  const afterwards = accessAfterwards === null ? '' : `; afterwards it ${ACCESS[accessAfterwards]}`;
  return `  version ${version} (${plural(migrations, 'migration')}) ${ACCESS[access]}${afterwards}`;
}

const ACCESS: Readonly<Record<Access, string>> = {
  'after migration': 'uses them once it has brought them up to date',
  writing: 'reads and writes them',
  reading: 'reads them, and does not write to them',
  none: 'can do nothing with them',
};

function migrationText({ missing, besideWriters }: TablesDocument): string[] {
  if (missing.length === 0) return [];
  const names = missing.map(({ name, additive }) => `${name} (${additive ? 'adds' : 'changes'})`);
  return [
    `Missing: ${names.join(', ')}. ${
      besideWriters
        ? 'Workers of the version before may go on while they are made, and afterwards.'
        : 'Workers of the version before must have ended before they are made.'
    }`,
  ];
}

/** Whether a user must act before this version can do its work. */
export function needsWork({ access }: TablesDocument): boolean {
  return access !== 'writing';
}
