import { sql } from 'drizzle-orm';
import type { Database } from '../connection/database.js';

/** The connections that a Postgres server accepts, and the processes that have them. */
export interface ConnectionRoom {
  /**
   * Connections that roles like this one may have together: the lowest limit of the server, the database and
   * the role.
   */
  readonly most: number;
  /**
   * The source of that limit: `max_connections` less the reserve for superusers, or a limit of the database
   * or of the role.
   */
  readonly setBy: string;
  /** Connections that are open now, of every program. */
  readonly open: number;
  /** How many of these belong to programs other than panic-tda. */
  readonly ofOthers: number;
  /** Processes of panic-tda with connections, this one included. */
  readonly processes: number;
}

interface Row {
  readonly max: number;
  readonly superuser: number;
  readonly reserved: number | null;
  readonly ofDatabase: number;
  readonly ofRole: number;
  readonly role: string;
  readonly database: string;
  readonly open: number;
  readonly ofOthers: number;
  readonly processes: number;
}

// Every role sees the sessions, their users and the names that they give themselves. It does not see their
// queries.
const QUESTION = sql`
  select current_setting('max_connections')::int as max,
         current_setting('superuser_reserved_connections')::int as superuser,
         current_setting('reserved_connections', true)::int as reserved,
         datconnlimit as "ofDatabase", rolconnlimit as "ofRole", rolname as role, datname as database,
         sessions.open, sessions."ofOthers", sessions.processes
  from pg_database, pg_roles,
       (select count(*) as open, count(*) filter (where application_name not like 'panic-tda %') as "ofOthers",
               count(distinct application_name) filter (where application_name like 'panic-tda %') as processes
        from pg_stat_activity where datid is not null and usesysid is not null) as sessions
  where datname = current_database() and rolname = current_user`;

/** Null for an SQLite file, which has no such limit. */
export async function connectionRoom(db: Database): Promise<ConnectionRoom | null> {
  if (db.dialect !== 'postgres') return null;
  const [row] = await db.read(() => db.rows<Row>(QUESTION));
  const { open, ofOthers, processes } = row!;
  return { ...limitOf(row!), open, ofOthers, processes };
}

function limitOf({ max, superuser, reserved, ofDatabase, ofRole, role, database }: Row) {
  const limits = [
    {
      most: max - superuser - (reserved ?? 0),
      setBy: `max_connections ${max}, less those that the server reserves`,
    },
    // -1 means no limit.
    ...(ofDatabase < 0
      ? []
      : [{ most: ofDatabase, setBy: `the connection limit of the database ${database}` }]),
    ...(ofRole < 0 ? [] : [{ most: ofRole, setBy: `the connection limit of the role ${role}` }]),
  ];
  return limits.reduce((least, one) => (one.most < least.most ? one : least));
}

/**
 * The number of connections if every connected process fills its pool, together with the connections that
 * other programs have open now.
 */
export function connectionsWanted({ ofOthers, processes }: ConnectionRoom, poolSize: number): number {
  return ofOthers + processes * poolSize;
}

/**
 * A sentence, if the server may refuse connections once the pools are full; otherwise null. It assumes
 * `poolSize` for every process.
 */
export function shortageText(room: ConnectionRoom, poolSize: number): string | null {
  const wanted = connectionsWanted(room, poolSize);
  if (wanted <= room.most) return null;
  return (
    `the database takes ${room.most} connections (${room.setBy}), and ${wanted} may be wanted: ${room.ofOthers} that other programs have open, ` +
    `and up to ${poolSize} (PANIC_TDA_DATABASE_POOL) of each of ${room.processes} processes of panic-tda. ` +
    'Raise that limit, or lower PANIC_TDA_DATABASE_POOL everywhere; docs/postgres.md has the sum'
  );
}
