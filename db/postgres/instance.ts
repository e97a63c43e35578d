import type { ClientBase } from 'pg';
import { UNKNOWN_PART } from '../objects/owner.js';

/**
 * The identity of a server's database, which no database restored from a dump has: the server's own id, which
 * each `initdb` draws, and the numbers of the database and of a table in it. A standby that takes over has
 * the same values.
 */
export async function instanceOf(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ database: string; table: string; mayAsk: boolean }>(
    `select (select oid::text from pg_database where datname = current_database()) as "database",
       'databases'::regclass::oid::text as "table",
       exists (
         select from pg_proc
         where proname = 'pg_control_system' and pronamespace = 'pg_catalog'::regnamespace and has_function_privilege(oid, 'execute')
       ) as "mayAsk"`,
  );
  const { database, table, mayAsk } = rows[0]!;
  return `postgres ${mayAsk ? await systemOf(client) : UNKNOWN_PART} ${database} ${table}`;
}

/** Services that hide it from their users withhold the right to call the function. */
async function systemOf(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ system: string }>(
    'select system_identifier::text as system from pg_control_system()',
  );
  return rows[0]!.system;
}
