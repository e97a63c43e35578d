import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { CommandError } from '../command.js';
import type { Service } from './host.js';

/** Folder of `initdb` and `postgres`: on PATH, or where Debian and the RPM packages put them, the newest first. */
export function findPostgres(searchPath: string | undefined): string | undefined {
  const versions = ['/usr/lib/postgresql', '/usr/pgsql']
    .flatMap((root) =>
      existsSync(root) ? readdirSync(root).map((version) => join(root, version, 'bin')) : [],
    )
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  return [...(searchPath ?? '').split(delimiter), ...versions].find(
    (folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')),
  );
}

export const SUPERUSER = 'postgres';
export const POSTGRES_PORT = 5432;

export interface PostgresSettings {
  /** Folder of its programs. */
  readonly programs: string;
  /** Made here: the cluster and, for those on this machine whatever the network is like, a Unix socket. */
  readonly folder: string;
  /** Where it listens, and the network that may connect by password. */
  readonly address: string;
  readonly network: string;
  readonly password: string;
}

/** Makes a cluster, owned by the user `nobody` since Postgres refuses to run as root, and says how it is run. */
export function preparePostgres({ programs, folder, address, network, password }: PostgresSettings): Service {
  const { uid, gid } = nobody();
  mkdirSync(folder, { recursive: true });
  chownSync(folder, uid, gid);
  const cluster = join(folder, 'cluster');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  chownSync(passwordFile, uid, gid);
  const asNobody = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
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
  const access = ['--auth-local', 'trust', '--auth-host', 'scram-sha-256', '--pwfile', passwordFile];
  execFileSync('setpriv', [...asNobody, join(programs, 'initdb'), ...settings, ...access], {
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
      // Whoever is gone with its host must not hold its locks for the two hours of the kernel's default.
      'tcp_keepalives_idle = 10',
      'tcp_keepalives_interval = 5',
      'tcp_keepalives_count = 3',
      '',
    ].join('\n'),
  );
  return {
    name: 'postgres',
    command: join(programs, 'postgres'),
    args: ['-D', cluster],
    env: {},
    uid,
    cwd: folder,
  };
}

function nobody(): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined)
    throw new CommandError('there is no user "nobody", as whom Postgres could run');
  return { uid: Number(uid), gid: Number(gid) };
}
