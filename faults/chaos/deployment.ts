import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { POOL_SIZE, type StorePlace } from '../../db/index.js';
import { dataFolderAt, readRunInfo } from '../../workers/settings/data-folder.js';
import { placeOfObjects } from '../../workers/settings/object-service.js';
import { temporalServerEnvironment } from '../../workers/settings/temporal.js';
import { freeLoopbackPorts } from '../../workers/processes/free-ports.js';
import { serverArguments } from '../../workers/temporal/server.js';
import { prepareNamespaces, waitUntilServing } from '../../workers/temporal/namespace-setup.js';
import { BUCKET, objectVariables, prepareObjects } from '../machines/objects.js';
import { createKeeper, type Keeper } from '../common/keeper.js';
import { openLink, type Link } from '../common/link.js';
import { processesUnder, processTree, processWords } from '../../bench/common/process-tree.js';
import { mountSmallDisk, type SlowDisk, type SmallDisk } from './disks.js';
import type { CutLink, Disk, Role } from './faults.js';
import type { DeploymentPlan } from './deployment-plan.js';
import { keepPostgres, type KeptPostgres } from './postgres.js';
import { CLI, launch } from './programs.js';

/** All processes of a round except its commands, the connections between them, and what they write to. */
export interface Deployment {
  readonly plan: DeploymentPlan;
  /** The data folder of all processes. */
  readonly data: string;
  /** Where the rows and objects are, for a reader whose connection is never cut. */
  readonly place: StorePlace;
  /** The environment of a command. */
  readonly commandEnvironment: Readonly<Record<string, string>>;
  /** The environment of an additional worker; null while no server runs that it could serve. */
  workerEnvironment(): Readonly<Record<string, string>> | null;
  readonly disks: Readonly<Partial<Record<Disk, SmallDisk>>>;
  /** Starts services again; empty if `panic-tda run` does that. */
  readonly keeper: Keeper;
  readonly postgres: KeptPostgres | null;
  /** The name of a role's service, if the keeper has one. */
  serviceOf(role: Role): string | null;
  /** The process ids of a role now. */
  pidsOf(role: Role): number[];
  /** The connections to a server, of one worker or of all processes. */
  linksOf(link: CutLink, worker: number | null): readonly Link[];
  /** Starts the Temporal server again without its state. */
  loseTemporalState(): Promise<void>;
  /** Ends all services but Postgres and S3 in order; returns the names of those that did not end in time. */
  stop(): Promise<string[]>;
  /** Ends the services that the judge reads at the end. */
  stopStores(): Promise<void>;
}

export interface DeploymentSettings {
  readonly plan: DeploymentPlan;
  /** For everything that is written. */
  readonly folder: string;
  readonly logs: string;
  readonly temporalCli: string;
  /** The S3 service; null if there is none. */
  readonly s3Program: string | null;
  /** Whether small disks can be mounted. */
  readonly mounts: boolean;
  readonly slowDisk: SlowDisk | null;
  readonly common: Readonly<Record<string, string>>;
}

const DISK_MIB: Record<Disk, number> = { data: 160, temporal: 96, postgres: 512 };
const START_MS = 120_000;
export const STOP_MS = 60_000;
const HOST = '127.0.0.1';
const DATABASE = 'postgres';
const S3_KEYS = { access: 'panic-tda', secret: 'not-a-secret-chaos' };

export async function openDeployment(settings: DeploymentSettings): Promise<Deployment> {
  const { plan, folder, logs, mounts, slowDisk, common } = settings;
  const disk = (name: Disk): SmallDisk =>
    mountSmallDisk(join(folder, `disk-${name}`), mounts ? DISK_MIB[name] : null);
  const disks: Partial<Record<Disk, SmallDisk>> = { data: disk('data') };
  const data = join(disks.data!.folder, 'data');
  mkdirSync(data);
  const keeper = createKeeper(({ name, command, args, env }) =>
    launch(command, args, { env, logFile: join(logs, `${name}.log`) }),
  );
  const variables: Record<string, string> = {
    ...common,
    ...slowDisk?.variables,
    PANIC_TDA_DATA: data,
    PANIC_TDA_ACTIVITY_MS: String(plan.activityMs),
    // The models that crash once do so in this round, and not in the undisturbed run.
    CRASHING_I2T_MARKER: join(folder, 'crashed'),
  };
  if (plan.kind === 'embedded') return embedded({ plan, data, disks, keeper, variables });

  disks.temporal = disk('temporal');
  let postgres: KeptPostgres | null = null;
  if (plan.store === 'postgres') {
    disks.postgres = disk('postgres');
    postgres = await keepPostgres(disks.postgres.folder, slowDisk?.variables ?? {});
  }
  const s3 = plan.objects === 's3' ? await startS3(settings, keeper) : null;
  const temporal = await startTemporal(settings, disks.temporal.folder, keeper);

  const links: Record<CutLink, { readonly worker: number | null; readonly link: Link }[]> = {
    temporal: [],
    postgres: [],
    s3: [],
  };
  /** The environment of a process that has its own connections. */
  const linked = async (worker: number | null): Promise<Record<string, string>> => {
    const through = async (name: CutLink, target: string): Promise<string> => {
      const link = await openLink(target);
      links[name].push({ worker, link });
      return link.address;
    };
    const own = { ...variables, TEMPORAL_ADDRESS: await through('temporal', temporal.address) };
    if (postgres !== null) {
      const url = new URL(postgres.url(DATABASE));
      url.host = await through('postgres', url.host);
      Object.assign(own, { PANIC_TDA_DATABASE: url.href });
    }
    if (s3 !== null) {
      Object.assign(own, s3Variables(await through('s3', s3.address)));
    }
    return own;
  };
  const commandEnvironment = await linked(null);
  for (const [index, queues] of plan.workers.entries()) {
    keeper.run({
      name: `worker-${index}`,
      command: process.execPath,
      args: [CLI, 'worker', '--queues', queues, '--data', data],
      env: await linked(index),
    });
  }
  const extra = await linked(null);

  return {
    plan,
    data,
    place: {
      folder: data,
      database: postgres === null ? null : { url: postgres.url(DATABASE), poolSize: POOL_SIZE.default },
      objects: s3 === null ? null : placeOfObjects(`s3://${BUCKET}`, s3Variables(s3.address)),
    },
    commandEnvironment,
    workerEnvironment: () => extra,
    disks,
    keeper,
    postgres,
    serviceOf,
    pidsOf(role) {
      const service = serviceOf(role);
      if (service !== null) return keeper.names.includes(service) ? [keeper.pidOf(service) ?? []].flat() : [];
      if (role === 'postgres')
        return postgres === null ? [] : processTree(postgres.pid).map(({ pid }) => pid);
      return role === 'model process' ? modelProcesses() : [];
    },
    linksOf: (name, worker) =>
      links[name].filter((one) => worker === null || one.worker === worker).map(({ link }) => link),
    async loseTemporalState() {
      await keeper.hold('server', 'SIGKILL');
      temporal.removeState();
      keeper.release('server');
      await temporal.serving();
    },
    async stop() {
      const hung: string[] = [];
      const end = async (name: string): Promise<void> => {
        if ((await keeper.hold(name, 'SIGTERM', STOP_MS)) === null) {
          hung.push(name);
          await keeper.hold(name, 'SIGKILL');
        }
      };
      await Promise.all(keeper.names.filter((name) => name.startsWith('worker')).map(end));
      await end('server');
      await Promise.all(Object.values(links).flatMap((all) => all.map(({ link }) => link.close())));
      return hung;
    },
    async stopStores() {
      if (s3 !== null) await keeper.hold('s3', 'SIGKILL');
      await postgres?.stop();
    },
  };
}

/** `panic-tda run` starts a server and two workers, and starts them again. */
function embedded({
  plan,
  data,
  disks,
  keeper,
  variables,
}: {
  readonly plan: DeploymentPlan;
  readonly data: string;
  readonly disks: Partial<Record<Disk, SmallDisk>>;
  readonly keeper: Keeper;
  readonly variables: Readonly<Record<string, string>>;
}): Deployment {
  const info = () => readRunInfo(dataFolderAt(data));
  return {
    plan,
    data,
    place: { folder: data, database: null, objects: null },
    commandEnvironment: variables,
    workerEnvironment() {
      const address = info()?.temporalAddress;
      return address === undefined ? null : { ...variables, TEMPORAL_ADDRESS: address };
    },
    disks,
    keeper,
    postgres: null,
    serviceOf: () => null,
    pidsOf(role) {
      if (role === 'model process') return modelProcesses();
      if (role === 'server') return [info()?.serverPid ?? []].flat();
      const name = role === 'worker 0' ? 'worker main,cpu' : role === 'worker 1' ? 'worker gpu' : '';
      return processesUnder(process.pid)
        .filter((one) => one.role === name)
        .map(({ pid }) => pid);
    },
    linksOf: () => [],
    // Ends every process of the experiment first, as a user does who deletes the state.
    async loseTemporalState() {
      for (const { pid } of processTree(process.pid).slice(1)) kill(pid);
      await sleep(500);
      rmSync(join(data, 'temporal'), { recursive: true, force: true });
    },
    stop: () => Promise.resolve([]),
    stopStores: () => Promise.resolve(),
  };
}

/** The name of a role's service, if the keeper has one. */
function serviceOf(role: Role): string | null {
  if (role === 'server' || role === 's3') return role;
  const [, index] = /^worker (\d+)$/.exec(role) ?? [];
  return index === undefined ? null : `worker-${index}`;
}

/** Sends a signal; false if there is no such process. */
export function kill(pid: number, signal: NodeJS.Signals = 'SIGKILL'): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

function modelProcesses(): number[] {
  return processTree(process.pid)
    .map(({ pid }) => pid)
    .filter((pid) => processWords(pid).some((word) => word.endsWith('process-main.js')));
}

async function startTemporal(
  { temporalCli, plan }: DeploymentSettings,
  folder: string,
  keeper: Keeper,
): Promise<{ readonly address: string; serving(): Promise<void>; removeState(): void }> {
  const ports = { ...(await freeLoopbackPorts('port', 'httpPort', 'metricsPort')), ui: null };
  const databaseFile = join(folder, 'temporal.sqlite');
  keeper.run({
    name: 'server',
    command: temporalCli,
    cwd: folder,
    args: [
      ...serverArguments(databaseFile, ports, []).map((word) =>
        word === 'journal_mode=WAL' ? `journal_mode=${plan.journal}` : word,
      ),
      // Only at this level does the server log that its disk is full.
      '--log-level',
      'error',
    ],
    env: temporalServerEnvironment(),
  });
  const address = `${HOST}:${ports.port}`;
  const serving = async (): Promise<void> => {
    await waitUntilServing(address, ['default'], new AbortController().signal, START_MS);
    await prepareNamespaces(address, ['default']);
  };
  await serving();
  return {
    address,
    serving,
    removeState() {
      for (const end of ['', '-wal', '-shm']) rmSync(`${databaseFile}${end}`, { force: true });
    },
  };
}

async function startS3(
  { s3Program, folder }: DeploymentSettings,
  keeper: Keeper,
): Promise<{ readonly address: string } | null> {
  if (s3Program === null) return null;
  const { port } = await freeLoopbackPorts('port');
  const service = prepareObjects(s3Program, {
    folder: join(folder, 's3'),
    address: HOST,
    port,
    keys: S3_KEYS,
  });
  keeper.run({ ...service, name: 's3' });
  return { address: `${HOST}:${port}` };
}

function s3Variables(address: string): Record<string, string> {
  const { hostname, port } = new URL(`tcp://${address}`);
  return objectVariables(hostname, S3_KEYS, Number(port));
}
