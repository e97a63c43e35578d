import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readEnvironment } from '../../workers/settings/environment.js';
import { pinnedServerVersion } from '../../workers/temporal/cli.js';
import { CommandError } from '../../bench/common/command.js';

/** The cache outlives the packages, which are installed anew more often than a server is built. */
const CACHE = join(readEnvironment().cacheFolder, 'hosts');

/** Where the production Temporal server and its tools are, once they are built. */
export const TEMPORAL_PROGRAMS = join(CACHE, `temporal-server-${pinnedServerVersion}`);

/** As in docker-compose.yml, and in the tests. */
const VERSITYGW = 'v1.8.0';
const S3_MODULE = `github.com/versity/versitygw/cmd/versitygw@${VERSITYGW}`;

export interface Programs {
  /** The production Temporal server. */
  readonly temporalServer: string;
  /** Its `temporal-sql-tool`, which contains the schema. */
  readonly temporalSqlTool: string;
  /** The S3 service. */
  readonly versitygw: string;
  /** Compiled from cable.go. */
  readonly cable: string;
}

/**
 * Builds the programs that are not in the cache folder yet, by Go's module proxy. The server takes 20 minutes
 * and more the first time; after that Go's own cache makes it quick.
 *
 * Throws a CommandError with the last lines that Go wrote, if it fails.
 */
export async function buildPrograms(say: (line: string) => void): Promise<Programs> {
  const server = 'go.temporal.io/server/cmd';
  const cable = join(CACHE, 'cable', 'cable');
  return {
    temporalServer: await installed(
      TEMPORAL_PROGRAMS,
      'server',
      `${server}/server@v${pinnedServerVersion}`,
      say,
    ),
    temporalSqlTool: await installed(
      TEMPORAL_PROGRAMS,
      'sql',
      `${server}/tools/sql@v${pinnedServerVersion}`,
      say,
    ),
    versitygw: await buildS3Service(say),
    // This is quick, so each call does it: Go looks whether the source has changed.
    cable: await go(['build', '-o', cable, fileURLToPath(new URL('cable.go', import.meta.url))], {}).then(
      () => cable,
    ),
  };
}

/** The S3 service only: a minute or two the first time. Throws a CommandError as `buildPrograms` does. */
export async function buildS3Service(say: (line: string) => void): Promise<string> {
  return await installed(join(CACHE, `versitygw-${VERSITYGW}`), 'versitygw', S3_MODULE, say);
}

async function installed(
  folder: string,
  name: string,
  module: string,
  say: (line: string) => void,
): Promise<string> {
  const program = join(folder, name);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  say(`building ${module} (the first time; of the Temporal server 20 minutes or more)`);
  await go(['install', module], { GOBIN: folder });
  return program;
}

function go(words: readonly string[], variables: Readonly<Record<string, string>>): Promise<void> {
  const child = spawn('go', words, {
    // Static, as in the official images.
    env: { ...process.env, CGO_ENABLED: '0', ...variables },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code === 0) resolve();
      else {
        const lines = output.trim().split('\n').slice(-12).join('\n');
        reject(new CommandError(`go ${words.join(' ')} ended with ${signal ?? code}:\n${lines}`));
      }
    });
  });
}
