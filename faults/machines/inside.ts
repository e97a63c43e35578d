import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { experimentId, validateExperiment } from '../../experiment/index.js';
import { loadCatalogue } from '../../models/index.js';
import { CommandError, runCommand } from '../../bench/common/command.js';
import { EVENTS, record, type EventRecord } from './events.js';
import { createHost, type Host } from './machine.js';
import type { Service } from '../common/keeper.js';
import { createNetwork } from './network.js';
import { POOL_SIZE, type StorePlace } from '../../db/index.js';
import { placeOfObjects, quietAwsSdk } from '../../workers/settings/object-service.js';
import { createRoles, databaseUrl, setUpTables, socketUrl } from './databases.js';
import { BUCKET, objectVariables, prepareObjects } from './objects.js';
import { preparePostgres } from './postgres.js';
import { examine, openRecords } from './records.js';
import { eventTable } from './report.js';
import type { InsideSettings } from './settings.js';
import { endTheOthers, endWithOutside } from '../common/namespaces.js';
import { runsUnderWay, type Site } from './site.js';
import {
  NAMESPACE,
  patiently,
  setupNamespace,
  setupTemporalSchema,
  TEMPORAL_PORT,
  temporalService,
} from './temporal.js';
import { untilTrue } from './watch.js';

/**
 * The part of `npm run hosts` that is the first process of its own namespaces (PIDs, mounts, network). When
 * it ends, however it ends, the kernel ends every process, and removes every device, namespace and mount that
 * it made.
 */

const CLI = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const START_MS = 120_000;
/** Port of every worker, since each has a loopback interface of its own. */
const HEALTH_PORT = 9464;
/** Three for each of the four threads that the built-in models have on the two GPU hosts. */
const CONCURRENCY = 12;
/** The undisturbed run has half of the workers. */
const END_MS = 3_600_000;
const LOG_LINES = 8;

async function main({ options, programs, postgres, temporalCli, folder }: InsideSettings): Promise<void> {
  const logs = join(folder, 'logs');
  mkdirSync(logs);
  const network = createNetwork(programs.cable);
  const host = (name: string): Host => createHost(network.addHost(name), logs);
  const [server, gpuA, gpuB, cpu] = [host('server'), host('gpu-a'), host('gpu-b'), host('cpu')];

  say('starting Postgres, the S3 service and the Temporal server on one host');
  const { address } = server.network;
  const postgresFolder = join(folder, 'postgres');
  server.run(
    preparePostgres({ programs: postgres, folder: postgresFolder, address, network: network.subnet }),
  );
  const users = await patiently(() => createRoles(socketUrl(postgresFolder, 'postgres')));
  const keys = { access: 'panic-tda', secret: randomBytes(16).toString('hex') };
  server.run(prepareObjects(programs.versitygw, { folder: join(folder, 'objects'), address, keys }));
  setupTemporalSchema(programs.temporalSqlTool, address, users.temporal);
  server.run(temporalService(programs, { address, user: users.temporal }));
  const temporal = `${address}:${TEMPORAL_PORT}`;
  await setupNamespace(temporal);
  const common = commonVariables(temporalCli);
  setUpTables(CLI, { ...common, PANIC_TDA_DATABASE: databaseUrl(users.owner, address) }, users.app);

  say('starting a worker on each of three hosts');
  const worker = (host: Host, queues: string): Service => ({
    name: 'worker',
    command: process.execPath,
    args: [CLI, 'worker', '--queues', queues, '--listen', String(HEALTH_PORT)],
    env: {
      ...common,
      ...objectVariables(address, keys),
      TEMPORAL_ADDRESS: temporal,
      TEMPORAL_NAMESPACE: NAMESPACE,
      PANIC_TDA_DATABASE: databaseUrl(users.app, address),
      // The hosts share only what they reach over the network.
      PANIC_TDA_DATA: join(folder, 'data', host.network.name),
    },
  });
  gpuA.run(worker(gpuA, 'gpu'));
  gpuB.run(worker(gpuB, 'gpu'));
  cpu.run(worker(cpu, 'main,cpu'));
  for (const host of [gpuA, gpuB, cpu]) {
    const ready = async (): Promise<boolean> => host.answers(`http://127.0.0.1:${HEALTH_PORT}/ready`);
    await untilTrue(`the worker on ${host.network.name} is ready`, ready, START_MS);
  }

  const file = experimentOf(options);
  const experimentFile = join(folder, 'experiment.json');
  writeFileSync(experimentFile, JSON.stringify(file));
  const catalogue = await loadCatalogue({ modelsFolder: folder, testModels: true, catalogueFile: undefined });
  const validated = validateExperiment(file, catalogue);
  if (!validated.ok) throw new Error(`the experiment is not valid: ${JSON.stringify(validated.problems)}`);
  const experiment = experimentId(validated.config);

  say('undisturbed, beside it: panic-tda run');
  const undisturbed = runUndisturbed(experimentFile, join(folder, 'undisturbed'), logs, temporalCli);

  quietAwsSdk();
  // The client of the S3 service looks for its keys here.
  Object.assign(process.env, objectVariables(address, keys));
  // By the socket, which works while the server's cable is out.
  const place: StorePlace = {
    folder: join(folder, 'data', 'switch'),
    database: { url: socketUrl(postgresFolder, users.app.database), poolSize: POOL_SIZE.default },
    objects: placeOfObjects(`s3://${BUCKET}`, objectVariables(address, keys)),
  };
  const connection = await Connection.connect({ address: temporal });
  const client = new Client({ connection, namespace: NAMESPACE });
  const startedAt = performance.now();
  const start = { taskQueue: 'panic-tda', workflowId: 'on-separate-hosts', args: [file] };
  // A server that has just begun to answer does not know all of its parts yet.
  const handle = await patiently(() => client.workflow.start('experiment', start));
  const records = await openRecords(place, experiment);
  const site: Site = {
    server,
    gpuA,
    gpuB,
    cpu,
    client,
    records,
    experiment,
    concurrency: CONCURRENCY,
    cutMs: 1000 * options.cutSeconds,
  };
  await untilTrue(
    'all runs of the window have begun',
    async () => (await runsUnderWay(site)).length >= CONCURRENCY - 1,
    START_MS,
  );

  const events: EventRecord[] = [];
  for (const event of EVENTS) {
    say(event.name);
    events.push(await record(site, event, startedAt));
  }

  say('no more events; waiting for the end of both runs');
  const ended = async (): Promise<boolean> => (await handle.describe()).status.name !== 'RUNNING';
  await untilTrue('the experiment is over', ended, END_MS);
  const result: unknown = await handle.result();
  await undisturbed;
  await records.close();
  await connection.close();

  const [there, here] = [
    await examine(place, experiment),
    await examine({ folder: join(folder, 'undisturbed'), database: null, objects: null }, experiment),
  ];
  console.log(`\n${eventTable(events)}\n`);
  console.log(`result: ${JSON.stringify(result)}`);
  console.log(`content, after the events: ${there.digest}`);
  console.log(`content, undisturbed:      ${here.digest}`);
  for (const violation of there.violations) console.log(`violation: ${violation}`);
  const equal = there.digest === here.digest;
  if (there.violations.length > 0 || !equal) {
    throw new CommandError(
      `${there.violations.length} violations, content ${equal ? 'equal' : 'NOT equal'} to the undisturbed run's`,
    );
  }
  console.log('every invariant holds, and the content equals that of the undisturbed run');
}

function experimentOf({ runs }: InsideSettings['options']): unknown {
  return {
    networks: [['SlowT2I', 'SlowI2T']],
    prompts: Array.from({ length: runs }, (_, number) => `a picture of thing number ${number}`),
    seeds: [7],
    embedding_models: ['HashedNgram', 'ColourGradient'],
    // The dummy models know 4,096 captions. A run meets one again after some 80 of them, and two runs of five
    // stop there.
    max_length: 120,
    on_cycle: 'stop',
    reuse: false,
    concurrency: CONCURRENCY,
  };
}

async function runUndisturbed(file: string, data: string, logs: string, temporalCli: string): Promise<void> {
  const log = openSync(join(logs, 'undisturbed.log'), 'w');
  const child = spawn(process.execPath, [CLI, 'run', file, '--data', data, '--json'], {
    stdio: ['ignore', log, log],
    env: commonVariables(temporalCli),
  });
  closeSync(log);
  const exit = await once(child, 'exit');
  const code: number | null = exit[0];
  const signal: string | null = exit[1];
  if (code !== 0) throw new Error(`the undisturbed run ended with ${signal ?? code}`);
}

/** Leaves out the caller's own settings for this program and for Temporal. */
function commonVariables(temporalCli: string): Record<string, string> {
  const { PATH = '', HOME = '/root' } = process.env;
  return { PATH, HOME, PANIC_TDA_TEST_MODELS: '1', PANIC_TDA_TEMPORAL_CLI: temporalCli };
}

function say(line: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)}  ${line}`);
}

function readSettings(): InsideSettings {
  return JSON.parse(process.argv[2] ?? '');
}

function end(code: number): never {
  endTheOthers();
  const { folder, options } = settings;
  if (options.keep === undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  process.exit(code);
}

const settings = readSettings();
endWithOutside(() => end(1));
try {
  await runCommand(() => main(settings));
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
if (process.exitCode === 1) tellLogs(join(settings.folder, 'logs'));
end(Number(process.exitCode ?? 0));

/** Prints the last lines of each process, since the folder may be gone when a user reads the output. */
function tellLogs(logs: string): void {
  for (const name of readdirSync(logs)) {
    const lines = readFileSync(join(logs, name), 'utf8').trimEnd().split('\n').slice(-LOG_LINES);
    console.error(`\n--- ${name}\n${lines.join('\n')}`);
  }
}
