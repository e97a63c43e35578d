import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { POSTGRES_PORT, SUPERUSER } from './postgres.js';

/** A role, its database, and its password. */
export interface DatabaseUser {
  readonly role: string;
  readonly database: string;
  readonly password: string;
}

export interface DatabaseUsers {
  /** Owns Temporal's databases. */
  readonly temporal: DatabaseUser;
  /** Owns panic-tda's tables. */
  readonly owner: DatabaseUser;
  /** The role of the workers, which cannot change the tables. */
  readonly app: DatabaseUser;
}

function user(role: string, database: string): DatabaseUser {
  return { role, database, password: randomBytes(16).toString('hex') };
}

/** Makes the roles and databases of compose/postgres-roles.sh. `superuser` is an address. */
export async function createRoles(superuser: string): Promise<DatabaseUsers> {
  const users = {
    temporal: user('temporal', 'temporal'),
    owner: user('panic_tda_owner', 'panic_tda'),
    app: user('panic_tda_app', 'panic_tda'),
  };
  const client = new Client({ connectionString: superuser });
  await client.connect();
  try {
    for (const { role, password } of Object.values(users)) {
      await client.query(`create role ${role} login password '${password}'`);
    }
    for (const [database, owner] of [
      ['temporal', users.temporal],
      ['temporal_visibility', users.temporal],
      ['panic_tda', users.owner],
    ] as const) {
      await client.query(`create database ${database} owner ${owner.role}`);
      await client.query(`revoke connect, temporary on database ${database} from public`);
    }
    await client.query(`grant connect on database panic_tda to ${users.app.role}`);
  } finally {
    await client.end();
  }
  return users;
}

/** Address of a database over the network. */
export function databaseUrl({ role, password, database }: DatabaseUser, address: string): string {
  return `postgres://${role}:${password}@${address}:${POSTGRES_PORT}/${database}`;
}

/** Address of a database for its superuser by the Unix socket, which works in any state of the network. */
export function socketUrl(folder: string, database: string): string {
  return `postgres:///${database}?host=${encodeURIComponent(folder)}&user=${SUPERUSER}`;
}

/** Runs the job that makes panic-tda's tables. */
export function setUpTables(
  cli: string,
  variables: Readonly<Record<string, string>>,
  app: DatabaseUser,
): void {
  execFileSync(process.execPath, [cli, 'setup', 'database', '--app-role', app.role], {
    env: { ...variables },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}
