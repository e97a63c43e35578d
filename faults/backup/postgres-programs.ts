import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A server with the programs that copy its databases, all of one version: pg_dump refuses a server that is
 * newer than itself.
 */
export interface DumpingPostgres {
  readonly initdb: string;
  readonly postgres: string;
  readonly dump: string;
  readonly restore: string;
}

/**
 * The programs of the version whose pg_dump is on PATH, where Debian's packages put them; or what is missing.
 */
export function findDumpingPostgres(): DumpingPostgres | { readonly missing: string } {
  const { stdout, error } = spawnSync('pg_dump', ['--version'], { encoding: 'utf8' });
  const version = error === undefined ? /\) (\d+)/.exec(stdout)?.[1] : undefined;
  if (version === undefined) return { missing: 'pg_dump is not on PATH (Debian: postgresql-client)' };
  const folder = `/usr/lib/postgresql/${version}/bin`;
  const programs = {
    initdb: join(folder, 'initdb'),
    postgres: join(folder, 'postgres'),
    dump: join(folder, 'pg_dump'),
    restore: join(folder, 'pg_restore'),
  };
  const absent = Object.values(programs).find((program) => !existsSync(program));
  if (absent === undefined) return programs;
  return { missing: `${absent} is not there, of the version of pg_dump (Debian: postgresql-${version})` };
}
