import { hasPassword, POOL_SIZE, postgresUrlProblem } from '../../db/postgres/service.js';
import type { PostgresService } from '../../db/postgres/service.js';
import { PanicError } from '../../common/errors.js';
import type { VariableName } from './variables.js';

export function readDatabase(
  value: (name: VariableName) => string | undefined,
  problems: string[],
): PostgresService | null {
  const size = value('PANIC_TDA_DATABASE_POOL') ?? String(POOL_SIZE.default);
  if (!/^\d{1,3}$/.test(size) || Number(size) < POOL_SIZE.least || Number(size) > POOL_SIZE.most) {
    problems.push(
      `PANIC_TDA_DATABASE_POOL is "${size}"; it can be a whole number from ${POOL_SIZE.least} to ${POOL_SIZE.most}.`,
    );
  }
  const url = value('PANIC_TDA_DATABASE');
  if (url === undefined) return null;
  const problem = postgresUrlProblem(url);
  if (problem !== null) problems.push(`PANIC_TDA_DATABASE ${problem}.`);
  return { url, poolSize: Number(size) };
}

/** The database that the option `--database` names instead of the variable. Throws InvalidInput. */
export function databaseAt(url: string, { poolSize }: Pick<PostgresService, 'poolSize'>): PostgresService {
  const problem = hasPassword(url)
    ? 'holds a password, which every user of this machine could read; put the address into PANIC_TDA_DATABASE, or the password into ~/.pgpass'
    : postgresUrlProblem(url);
  if (problem !== null) throw new PanicError('InvalidInput', `--database ${problem}`);
  return { url, poolSize };
}

/** The variables that give a child process this database. */
export function databaseVariables(database: PostgresService | null): Partial<Record<VariableName, string>> {
  return database === null
    ? { PANIC_TDA_DATABASE: '' }
    : { PANIC_TDA_DATABASE: database.url, PANIC_TDA_DATABASE_POOL: String(database.poolSize) };
}
