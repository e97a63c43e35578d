import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError } from '../../bench/common/command.js';
import type { PostgresPrograms } from '../../bench/common/embedded-postgres.js';
import type { Service } from '../common/keeper.js';

export const SUPERUSER = 'postgres';
export const POSTGRES_PORT = 5432;

export interface PostgresSettings {
  readonly programs: PostgresPrograms;
  /**
   * Made here: the cluster, and a Unix socket for processes of this machine, which works in any state of the
   * network.
   */
  readonly folder: string;
  /** Where it listens, and the network that may connect by password. */
  readonly address: string;
  readonly network: string;
}

/**
 * Makes a cluster, and says how to run it. The user `nobody` owns it, since Postgres refuses to run as root.
 */
export function preparePostgres({ programs, folder, address, network }: PostgresSettings): Service {
  const { uid, gid } = userOfPostgres();
  mkdirSync(folder, { recursive: true });
  chownSync(folder, uid, gid);
  // A process that reaches the socket in it is the superuser.
  chmodSync(folder, 0o700);
  const cluster = join(folder, 'cluster');
  const asUser = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  const settings = [
    '--pgdata',
    cluster,
    '--username',
    SUPERUSER,
    '--encoding',
    'UTF8',
    '--locale',
    'C',
    '--no-sync',
  ];
  const access = ['--auth-local', 'trust', '--auth-host', 'scram-sha-256'];
  execFileSync('setpriv', [...asUser, programs.initdb, ...settings, ...access], {
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: folder,
  });
  appendFileSync(join(cluster, 'pg_hba.conf'), `host all all ${network} scram-sha-256\n`);
  appendFileSync(
    join(cluster, 'postgresql.conf'),
    [
      `listen_addresses = '${address}'`,
      `port = ${POSTGRES_PORT}`,
      `unix_socket_directories = '${folder}'`,
      'max_connections = 200',
      // A process that went away with its host must not hold its locks for the two hours of the kernel's
      // default.
      'tcp_keepalives_idle = 10',
      'tcp_keepalives_interval = 5',
      'tcp_keepalives_count = 3',
      '',
    ].join('\n'),
  );
  return {
    name: 'postgres',
    command: programs.postgres,
    args: ['-D', cluster],
    env: {},
    uid,
    cwd: folder,
  };
}

function userOfPostgres(): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined)
    throw new CommandError('Postgres cannot run: this machine has no user "nobody"');
  return { uid: Number(uid), gid: Number(gid) };
}
