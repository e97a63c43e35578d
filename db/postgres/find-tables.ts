import type { ClientBase } from 'pg';
import { PanicError } from '../../common/errors.js';

/** A schema with these tables counts as one of ours. */
const OURS = ['__drizzle_migrations', 'artifacts', 'runs'] as const;

/** The number of our tables in a schema. The catalogue lists them whatever the role may do with them. */
const TABLES_OF = `select count(*) from pg_class c where c.relnamespace = n.oid and c.relkind = 'r' and c.relname = any($1)`;

interface Found {
  readonly schema: string;
  readonly tables: number;
}

interface Elsewhere {
  readonly schema: string;
  readonly usable: boolean;
  readonly role: string;
  readonly path: string;
}

/**
 * Sets a connection's search_path to the schema in which the owner made the tables. That is the first schema
 * of its search_path that has them, even if an earlier one exists (as "$user", which shared servers give to
 * each role). If there are no tables, nothing changes. `chosen` says that the address itself names a
 * search_path. Throws InvalidInput if the tables are in a schema that is not in this role's path or that it
 * may not use: the role would make other tables. Also throws it if the path has no schema, because then
 * nothing is known about stored data.
 */
export async function enterTables(client: ClientBase, name: string, chosen: boolean): Promise<void> {
  const { rows } = await client.query<Found>(
    `select n.nspname as schema, (${TABLES_OF})::int as tables
     from unnest(current_schemas(false)) with ordinality as s(name, place) join pg_namespace n on n.nspname = s.name
     order by place`,
    [OURS],
  );
  const found =
    rows.find(({ tables }) => tables === OURS.length) ?? (await firstWithMigrations(client, rows));
  if (found !== null) {
    await client.query(`select set_config('search_path', quote_ident($1), false)`, [found.schema]);
    return;
  }
  const { rows: elsewhere } = await client.query<Elsewhere>(
    `select n.nspname as schema, has_schema_privilege(n.oid, 'usage') as usable, current_user as role,
       current_setting('search_path') as path
     from pg_namespace n where n.nspname <> all(current_schemas(false)) and (${TABLES_OF}) = ${OURS.length} order by 1`,
    [OURS],
  );
  const [hidden] = elsewhere.filter(
    ({ schema, usable, path }) => !chosen || (!usable && path.includes(schema)),
  );
  if (hidden !== undefined) throw new PanicError('InvalidInput', hiddenText(name, hidden));
  if (rows.length === 0) {
    throw new PanicError(
      'InvalidInput',
      `the database ${name}: the search_path of this user names no schema that is there and that it may use; "alter role … set search_path", or options=-c%20search_path%3DNAME in the address`,
    );
  }
}

/** A schema with migrations that are not ours. The caller compares them, and reports what they made. */
async function firstWithMigrations(client: ClientBase, rows: readonly Found[]): Promise<Found | null> {
  if (rows.every(({ tables }) => tables === 0)) return null;
  const { rows: found } = await client.query<Found>(
    `select s.name as schema, 0 as tables from unnest(current_schemas(false)) with ordinality as s(name, place)
     where to_regclass(quote_ident(s.name) || '.' || quote_ident($1)) is not null order by place limit 1`,
    [OURS[0]],
  );
  return found[0] ?? null;
}

function hiddenText(name: string, { schema, usable, role, path }: Elsewhere): string {
  const has = `the database ${name} has the tables of panic-tda in the schema "${schema}", which the role "${role}"`;
  return usable
    ? `${has} does not look into (its search_path is ${path === '' ? 'empty' : `'${path}'`}); "alter role ${role} set search_path = ${schema}", or options=-c%20search_path%3D${encodeURIComponent(schema)} in the address, finds them`
    : `${has} may not use; "panic-tda setup database --app-role ${role}" by the role that owns it lets it`;
}

/**
 * Throws if a role that must write cannot: InvalidInput, and StoreUnavailable for a standby, which may be
 * promoted.
 */
export async function refuseReadOnly(client: ClientBase, name: string): Promise<void> {
  const { rows } = await client.query<{ standby: boolean; readOnly: string; role: string }>(
    `select pg_is_in_recovery() as standby, current_setting('default_transaction_read_only') as "readOnly", current_user as role`,
  );
  const { standby, readOnly, role } = rows[0]!;
  if (standby) {
    throw new PanicError(
      'StoreUnavailable',
      `the database ${name} is a standby, which takes no writes; name the primary, or wait until this one is promoted`,
    );
  }
  if (readOnly === 'on') {
    throw new PanicError(
      'InvalidInput',
      `the database ${name} lets the role "${role}" read only (default_transaction_read_only is on); what is stored can be looked at, and a role that may write is needed for the rest`,
    );
  }
}

/** Throws InvalidInput if this role may not write rows of every table. */
export async function requireWritable(client: ClientBase, name: string): Promise<void> {
  const { rows } = await client.query<{ role: string; closed: string | null }>(
    `select current_user as role, min(c.relname) filter (where not (has_table_privilege(c.oid, 'select')
       and has_table_privilege(c.oid, 'insert') and has_table_privilege(c.oid, 'update') and has_table_privilege(c.oid, 'delete'))) as closed
     from pg_class c where c.relnamespace = quote_ident(current_schema())::regnamespace and c.relkind = 'r' and c.relname <> $1`,
    [OURS[0]],
  );
  const { role, closed } = rows[0]!;
  if (closed === null) return;
  throw new PanicError(
    'InvalidInput',
    `the database ${name}: the role "${role}" may not write to the table "${closed}"; "panic-tda setup database --app-role ${role}" by the role that owns the tables lets it`,
  );
}
