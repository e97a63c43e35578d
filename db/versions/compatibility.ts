import { PanicError } from '../../common/errors.js';

/** The statements of the one row of the table `databases`. */
export interface StatedVersions {
  /** The least number of migrations that a version must know to read the tables. */
  readonly readableFrom: number;
  /** The least number of migrations that a version must know to write to them. */
  readonly writableFrom: number;
  /** The first version of panic-tda that has these tables. */
  readonly version: string;
}

/** The version of tables. */
export interface TablesVersion {
  /** The number of migrations that made the tables, and the number that this version knows. */
  readonly applied: number;
  readonly known: number;
  /** Null for tables without such a row: those of versions before 0.2.0. */
  readonly stated: StatedVersions | null;
}

/** The version of tables at this moment. */
export interface TablesNow {
  readonly tables: TablesVersion;
  /**
   * The process that asks all writers to leave, so that it can migrate the tables; null if no process does.
   */
  readonly leaveFor: string | null;
}

/** The permission of a version to use tables; `after migration`: it first brings them up to date. */
export type Access = 'after migration' | 'writing' | 'reading' | 'none';

/** What a version that knows `known` migrations may do with tables. */
export function accessTo({ applied, known, stated }: TablesVersion): Access {
  if (known === applied) return 'writing';
  if (known > applied) return 'after migration';
  if (stated === null || known < stated.readableFrom) return 'none';
  return known < stated.writableFrom ? 'reading' : 'writing';
}

export function isNewer({ applied, known }: TablesVersion): boolean {
  return applied > known;
}

/** Tables to which this version may not write. The work goes to a worker of another version. */
export class NewerTables extends PanicError {
  constructor(name: string, tables: TablesVersion) {
    super('StoreUnavailable', newerText(name, tables));
  }
}

/** The same failure as the answer to a request: another attempt would fail too. */
export class NewerTablesRefused extends PanicError {
  constructor(message: string) {
    super('InvalidInput', message);
  }
}

/** Tables of an older version that this version may not bring up to date by itself. */
export class OlderTables extends PanicError {
  constructor(message: string, options?: ErrorOptions) {
    super('InvalidInput', message, options);
  }
}

/** Throws NewerTablesRefused if this version may not use tables of a newer version in the wanted way. */
export function refuseNewer(name: string, tables: TablesVersion, wanted: 'reading' | 'writing'): void {
  if (!isNewer(tables)) return;
  const access = accessTo(tables);
  if (access === 'none' || (access === 'reading' && wanted === 'writing')) {
    throw new NewerTablesRefused(newerText(name, tables));
  }
}

/** The message about tables of a newer version that this version may not use, or may only read. */
export function newerText(name: string, tables: TablesVersion): string {
  const made = `${name} was written by a newer panic-tda (${migrationsText(tables)})`;
  const remedy = `update panic-tda to use it, or go back as docs/upgrading.md says`;
  return accessTo(tables) === 'reading'
    ? `${made}: this version may look at what is stored, and may not write to it; ${remedy}`
    : `${made}, and this version cannot read its tables; ${remedy}`;
}

/** The message when this version uses tables of a newer one. */
export function newerRemark(name: string, tables: TablesVersion): string {
  const rest = accessTo(tables) === 'reading' ? ', and may not write to it' : '';
  return `${name} is of a newer panic-tda (${migrationsText(tables)}). This version passes over what it does not know of it${rest}.`;
}

function migrationsText({ applied, known, stated }: TablesVersion): string {
  const version = stated === null ? '' : `version ${stated.version}, `;
  return `${version}${applied} migrations, this one knows ${known}`;
}

export type Dialect = 'sqlite' | 'postgres';

/** Released versions, and the number of migrations that each knows. For a release, add the new version. */
export const RELEASES: readonly (Readonly<Record<Dialect, number>> & { readonly version: string })[] = [
  { version: '0.1.0', sqlite: 12, postgres: 9 },
  { version: '0.2.0', sqlite: 16, postgres: 13 },
];

/** A migration, read from its file. */
export interface Migration {
  /** Its number and name: `0012_fleet`. */
  readonly tag: string;
  readonly statements: readonly string[];
}

const UPDATE = /^\s*update ["`]databases["`] set /i;
const INSERT =
  /^\s*insert into ["`]databases["`][^]*\bvalues\s*\(1, .*, (?<readable>\d+), (?<writable>\d+), '(?<version>[^']+)'\)/i;

/** The statements of tables after a migration, computed from those before it. */
export function statedAfter(
  before: StatedVersions | null,
  { tag, statements }: Migration,
): StatedVersions | null {
  let stated = before;
  for (const statement of statements) {
    const { readable, writable, version } = INSERT.exec(statement)?.groups ?? {};
    if (version !== undefined) {
      stated = { readableFrom: Number(readable), writableFrom: Number(writable), version };
    } else if (UPDATE.test(statement)) {
      if (stated === null) throw new Error(`migration ${tag} changes a row that is not there`);
      stated = {
        readableFrom: Number(assigned(statement, 'readable_from') ?? stated.readableFrom),
        writableFrom: Number(assigned(statement, 'writable_from') ?? stated.writableFrom),
        version: assigned(statement, 'version') ?? stated.version,
      };
    }
  }
  return stated;
}

function assigned(statement: string, column: string): string | undefined {
  return new RegExp(`["\`]${column}["\`] = (?:(\\d+)|'([^']+)')`, 'i')
    .exec(statement)
    ?.slice(1)
    .find(Boolean);
}

/** A migration that tables do not have yet. */
export interface MissingMigration {
  readonly name: string;
  /** Whether versions that do not know the migration continue to write beside it. */
  readonly additive: boolean;
}

/** The effect of bringing tables up to date. */
export interface PlannedMigration {
  readonly missing: readonly MissingMigration[];
  /** The statements of the tables afterwards. */
  readonly after: StatedVersions | null;
  /** Whether workers of the previous version may continue during and after it. */
  readonly besideWriters: boolean;
}

/** `migrations` are all that this version knows. */
export function plannedMigration(
  { applied, stated }: TablesVersion,
  migrations: readonly Migration[],
): PlannedMigration {
  let after = stated;
  const missing = migrations.slice(applied).map((migration, index) => {
    const before = after;
    after = statedAfter(before, migration);
    const additive = before !== null && after !== null && after.writableFrom <= applied + index;
    return { name: migration.tag, additive };
  });
  return { missing, after, besideWriters: missing.every(({ additive }) => additive) };
}
