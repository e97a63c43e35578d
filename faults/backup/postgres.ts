import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { objectsPlace, POOL_SIZE } from '../../db/index.js';
import type { StorePlace } from '../../db/index.js';
import { freeLoopbackPorts } from '../../workers/processes/free-ports.js';
import { CommandError } from '../../bench/common/command.js';
import { startEmbeddedPostgres } from '../../bench/common/embedded-postgres.js';
import { BUCKET, objectVariables, prepareObjects } from '../machines/objects.js';
import type { DumpingPostgres } from './postgres-programs.js';
import {
  bytesIn,
  end,
  invocationsIn,
  panicTda,
  requireEqual,
  runProgram,
  runToAThird,
  startLoad,
  timed,
} from './steps.js';
import type { Proof } from './steps.js';

const KEYS = { access: 'panic-tda-proof', secret: 'the-secret-of-the-proof' };

/**
 * Copies a Postgres database and its bucket while an experiment writes to them. Restores them elsewhere,
 * checks them, and runs the experiment to its end.
 */
export async function provePostgres(
  proof: Proof,
  programs: DumpingPostgres,
  versitygw: string,
): Promise<void> {
  // Not below the folder of the proof: only root may enter that one, and Postgres runs as another user.
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-prove-postgres-'));
  const server = await startEmbeddedPostgres(folder, { programs, while: process.pid });
  const { s3: port } = await freeLoopbackPorts('s3');
  const prepared = prepareObjects(versitygw, {
    folder: madeFolder(proof.folder, 's3'),
    address: '127.0.0.1',
    port,
    keys: KEYS,
  });
  const objects = spawn(prepared.command, prepared.args, {
    env: { ...process.env, ...prepared.env },
    stdio: 'ignore',
  });
  try {
    await untilAnswering(port);
    const urlOf = (name: string): string => server.url(name);
    await copyAndRestore(proof, programs, urlOf, objectVariables('127.0.0.1', KEYS, port));
  } finally {
    await end(objects);
    await server.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

function madeFolder(...parts: readonly string[]): string {
  const folder = join(...parts);
  mkdirSync(folder, { recursive: true });
  return folder;
}

async function untilAnswering(port: number): Promise<void> {
  const late = performance.now() + 60_000;
  while (performance.now() < late) {
    if (
      await fetch(`http://127.0.0.1:${port}`).then(
        () => true,
        () => false,
      )
    )
      return;
    await sleep(100);
  }
  throw new CommandError('the S3 service does not answer');
}

async function copyAndRestore(
  proof: Proof,
  { dump, restore }: DumpingPostgres,
  urlOf: (database: string) => string,
  s3: Readonly<Record<string, string>>,
): Promise<void> {
  const { folder, say, id } = proof;
  const service = { endpoint: s3['AWS_ENDPOINT_URL_S3'], region: s3['AWS_REGION'], pathStyle: true };
  const placeOf = (database: string): StorePlace => ({
    folder: join(folder, database),
    database: { url: urlOf(database), poolSize: POOL_SIZE.default },
    objects: objectsPlace(`s3://${BUCKET}/${database}`, () => service),
  });
  const variablesOf = (database: string, objects = database): NodeJS.ProcessEnv => ({
    ...s3,
    PANIC_TDA_DATABASE: urlOf(database),
    PANIC_TDA_OBJECTS: `s3://${BUCKET}/${objects}`,
    PANIC_TDA_DATA: join(folder, database),
  });
  for (const name of ['production', 'restored']) await createDatabase(urlOf('postgres'), name);
  const production = placeOf('production');
  await runToAThird(proof, production, variablesOf('production'));
  const load = await startLoad(proof, production, variablesOf('production'));
  const [file, pictures] = [join(folder, 'panic-tda.dump'), join(folder, 'pictures')];

  const restored = placeOf('restored');
  try {
    // First the rows: a picture that is stored later is in no row of the copy.
    await timed(say, 'pg_dump, beside a run', () =>
      runProgram(dump, ['--format=custom', `--file=${file}`, urlOf('production')], proof.env),
    );
    await timed(say, 'objects copy, out of the bucket', () =>
      panicTda(proof, ['objects', 'copy', '--to', pictures], variablesOf('production')),
    );
    say(`  ${statSync(file).size} bytes of rows, ${bytesIn(pictures)} bytes of pictures`);
    await timed(say, 'pg_restore', () =>
      runProgram(
        restore,
        ['--exit-on-error', '--single-transaction', '--dbname', urlOf('restored'), file],
        proof.env,
      ),
    );
    await load.requireBeyond(await invocationsIn(restored, load.id));
  } finally {
    await load.stop();
  }

  // The restored database is refused at the pictures of production.
  const strange = variablesOf('restored', 'production');
  await panicTda(proof, ['doctor', '--fix', '--yes'], strange, 2);
  await panicTda(proof, ['objects', 'use'], strange, 2);

  const own = variablesOf('restored');
  await panicTda(proof, ['objects', 'copy', '--from', pictures, '--to', `s3://${BUCKET}/restored`], own);
  await panicTda(proof, ['objects', 'use'], own);
  await timed(say, 'doctor --deep of the restored database', () =>
    panicTda(proof, ['doctor', '--deep'], own),
  );
  await timed(say, 'resume', () => panicTda(proof, ['resume', id, '--take-over'], own));
  await requireEqual(proof, restored, 'the restored database');
  await panicTda(proof, ['doctor', '--deep'], own);
  await timed(say, 'resume of what was copied', () =>
    panicTda(proof, ['resume', id], variablesOf('production')),
  );
  await requireEqual(proof, production, 'the database that was copied');
  await panicTda(proof, ['doctor', '--deep'], variablesOf('production'));
}

async function createDatabase(url: string, name: string): Promise<void> {
  const { Client } = await import('pg');
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create database ${name} template template0 encoding 'UTF8'`);
  } finally {
    await client.end();
  }
}
