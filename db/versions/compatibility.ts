import { PanicError } from '../../common/errors.js';

/** What the one row of the table `databases` says. */
export interface StatedVersions {
  /** The least number of migrations that a version must know to read the tables. */
  readonly readableFrom: number;
  /** The same for a version that writes to them. */
  readonly writableFrom: number;
  /** The first version of panic-tda that has these tables. */
  readonly version: string;
}

/** Of which version tables are. */
export interface TablesVersion {
  /** Migrations that made them, and those that this version knows. */
  readonly applied: number;
  readonly known: number;
  /** Null for tables that have no such row: those of versions before 0.2.0. */
  readonly stated: StatedVersions | null;
}

/** Of which version tables are at this moment. */
export interface TablesNow {
  readonly tables: TablesVersion;
  /** Who asks all writers to leave, so that the tables can be migrated; null where no process does. */
  readonly leaveFor: string | null;
}

/** What a version may do with tables; `after migration`: it brings them up to date first. */
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

/** Tables that this version may not write to. Work that met it goes to a worker of another version. */
export class NewerTables extends PanicError {
  constructor(name: string, tables: TablesVersion) {
    super('StoreUnavailable', newerText(name, tables));
  }
}

/** The same as an answer to a request, which no other attempt makes good. */
export class NewerTablesRefused extends PanicError {
  constructor(message: string) {
    super('InvalidInput', message);
  }
}

/** Tables that an older version made, where this one may not bring them up to date by itself. */
export class OlderTables extends PanicError {
  constructor(message: string, options?: ErrorOptions) {
    super('InvalidInput', message, options);
  }
}

/** Throws NewerTablesRefused where this version may not do that with tables of a newer one. */
export function refuseNewer(name: string, tables: TablesVersion, wanted: 'reading' | 'writing'): void {
  if (!isNewer(tables)) return;
  const access = accessTo(tables);
  if (access === 'none' || (access === 'reading' && wanted === 'writing')) {
    throw new NewerTablesRefused(newerText(name, tables));
  }
}

/** What is said of tables of a newer version that this one may not use, or may only read. */
export function newerText(name: string, tables: TablesVersion): string {
  const made = `${name} was written by a newer panic-tda (${migrationsText(tables)})`;
  const remedy = `update panic-tda to use it, or go back as docs/upgrading.md says`;
  return accessTo(tables) === 'reading'
    ? `${made}: this version may look at what is stored, and may not write to it; ${remedy}`
    : `${made}, and this version cannot read its tables; ${remedy}`;
}

/** What is said where this version uses tables of a newer one. */
export function newerRemark(name: string, tables: TablesVersion): string {
  const rest = accessTo(tables) === 'reading' ? ', and may not write to it' : '';
  return `${name} is of a newer panic-tda (${migrationsText(tables)}). This version passes over what it does not know of it${rest}.`;
}

function migrationsText({ applied, known, stated }: TablesVersion): string {
  const version = stated === null ? '' : `version ${stated.version}, `;
  return `${version}${applied} migrations, this one knows ${known}`;
}

export type Dialect = 'sqlite' | 'postgres';

/** Released versions, and how many migrations each knows. Releasing: add the new one. */
export const RELEASES: readonly (Readonly<Record<Dialect, number>> & { readonly version: string })[] = [
  { version: '0.1.0', sqlite: 12, postgres: 9 },
  { version: '0.2.0', sqlite: 14, postgres: 11 },
];

/** A migration as its file has it. */
export interface Migration {
  /** Its number and name: `0012_fleet`. */
  readonly tag: string;
  readonly statements: readonly string[];
}

const UPDATE = /^\s*update ["`]databases["`] set /i;
const INSERT =
  /^\s*insert into ["`]databases["`][^]*\bvalues\s*\(1, .*, (?<readable>\d+), (?<writable>\d+), '(?<version>[^']+)'\)/i;

/** What tables state behind a migration, given what they stated before. */
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

/** A migration that tables still lack. */
export interface MissingMigration {
  readonly name: string;
  /** Whether versions that know nothing of it go on writing beside it. */
  readonly additive: boolean;
}

/** What bringing tables up to date does. */
export interface PlannedMigration {
  readonly missing: readonly MissingMigration[];
  /** What the tables state then. */
  readonly after: StatedVersions | null;
  /** Whether workers of the version before may go on meanwhile, and after it. */
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
