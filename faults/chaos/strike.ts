import { setTimeout as sleep } from 'node:timers/promises';
import { assertNever } from '../../common/errors.js';
import { processState, processTree } from '../../bench/common/process-tree.js';
import { kill, STOP_MS } from './deployment.js';
import { saysFull } from './judge.js';
import type { Fault, Role, Trouble } from './faults.js';
import { operate } from './operate.js';
import { within, type Effect, type Stage } from './stage.js';

/** SIGKILL and SIGSTOP act at once; a busy machine may take a moment. */
const AT_ONCE_MS = 10_000;
/** A role may have no process at the moment, or write nothing yet, and will soon. */
const PATIENCE_MS = 5000;
/** A database overwrites its log in place for a while before it needs more room. */
const UNTIL_FULL_MS = 20_000;
/** Between the first and the second of two stop signals. */
const TWICE_MS = 300;

type Of<Kind extends Trouble['kind']> = Extract<Trouble, { kind: Kind }>;

/** Makes a fault happen, and undoes it after its time. Says whether it was seen to take effect. */
export async function strike(stage: Stage, fault: Fault): Promise<Effect> {
  switch (fault.kind) {
    case 'kill':
      return await end(stage, fault.role, 'SIGKILL', false, fault.lastsMs);
    case 'stop':
      return await end(stage, fault.role, fault.signal, fault.twice, fault.lastsMs);
    case 'freeze':
      return await freeze(stage, fault);
    case 'cut':
      return await cut(stage, fault);
    case 'full disk':
      return await fillDisk(stage, fault);
    case 'slow disk':
      return await slowDown(stage, fault);
    case 'operator':
      return await operate(stage, fault);
    default:
      return assertNever(fault);
  }
}

async function end(
  stage: Stage,
  role: Role,
  signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT',
  twice: boolean,
  lastsMs: number,
): Promise<Effect> {
  if (role === 'everything') return await endEverything(stage, lastsMs);
  if (role === 'command') return await endCommand(stage, signal, twice, lastsMs);
  const { keeper, postgres } = stage.deployment;
  const service = stage.deployment.serviceOf(role);
  if (role === 'postgres' && postgres !== null) {
    const was = await postgres.hold(signal === 'SIGKILL' ? 'kill' : 'fast');
    await sleep(lastsMs);
    postgres.release();
    return was ? took(`away for ${lastsMs} ms`) : missed('it was away already');
  }
  if (service === null) return await endOthers(stage, role, signal);
  const pid = keeper.pidOf(service);
  if (pid === undefined) return missed('it was away already');
  if (twice) void sleep(TWICE_MS).then(() => kill(pid, signal));
  const ending = await keeper.hold(service, signal, STOP_MS);
  if (ending === null) {
    stage.wrong(`${role} had not ended ${STOP_MS / 1000} s after ${signal}`);
    await keeper.hold(service, 'SIGKILL');
  }
  await sleep(lastsMs);
  keeper.release(service);
  return took(`ended by ${ending?.signal ?? `exit ${ending?.code}`}, away for ${lastsMs} ms`);
}

/** Processes that another process starts again, or that start when they are needed. */
async function endOthers(
  stage: Stage,
  role: Role,
  signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT',
): Promise<Effect> {
  const pids = (await targetsOf(stage, role)).filter((pid) => kill(pid, signal));
  if (pids.length === 0) return missed('there was none');
  if (await untilGone(pids, STOP_MS)) return took(`${pids.length} ended`);
  stage.wrong(`${role} had not ended ${STOP_MS / 1000} s after ${signal}`);
  for (const pid of pids) kill(pid);
  return took('did not end');
}

async function endCommand(
  stage: Stage,
  signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT',
  twice: boolean,
  lastsMs: number,
): Promise<Effect> {
  const drive = stage.drives.find(({ pid }) => pid !== undefined);
  const pid = drive?.pid;
  if (drive === undefined || pid === undefined) return missed('no command was under way');
  if (twice) void sleep(TWICE_MS).then(() => drive.pid === pid && kill(pid, signal));
  const ending = await drive.hold(signal, STOP_MS);
  if (ending === null) {
    stage.wrong(`the command had not ended ${STOP_MS / 1000} s after ${signal}`);
    kill(pid);
  }
  await sleep(lastsMs);
  drive.release();
  return took(`ended by ${ending?.signal ?? `exit ${ending?.code}`}, begun again after ${lastsMs} ms`);
}

/** Like a power cut: ends every process but this one, Postgres and the S3 service too. */
async function endEverything(stage: Stage, lastsMs: number): Promise<Effect> {
  const { keeper, postgres } = stage.deployment;
  const services = keeper.names.filter((name) => keeper.pidOf(name) !== undefined);
  const holds = stage.drives.map((drive) => drive.hold(null, 0));
  const pids = processTree(process.pid)
    .slice(1)
    .map(({ pid }) => pid);
  for (const pid of pids) kill(pid);
  await Promise.all([
    ...holds,
    ...services.map((name) => keeper.hold(name, 'SIGKILL')),
    ...(postgres === null ? [] : [postgres.hold('kill')]),
  ]);
  const gone = await untilGone(pids, AT_ONCE_MS);
  await sleep(lastsMs);
  postgres?.release();
  for (const name of services) keeper.release(name);
  for (const drive of stage.drives) drive.release();
  return gone ? took(`${pids.length} processes`) : missed('some did not end');
}

async function freeze(stage: Stage, { role, lastsMs }: Of<'freeze'>): Promise<Effect> {
  const pids = (await targetsOf(stage, role)).filter((pid) => kill(pid, 'SIGSTOP'));
  if (pids.length === 0) return missed('there was none');
  const frozen = await within(AT_ONCE_MS, () =>
    pids.every((pid) => ['T', 'Z', undefined].includes(processState(pid))),
  );
  const one = pids.some((pid) => processState(pid) === 'T');
  await sleep(lastsMs);
  for (const pid of pids) kill(pid, 'SIGCONT');
  return frozen && one ? took(`${pids.length} frozen for ${lastsMs} ms`) : missed('none was seen frozen');
}

/**
 * Processes of a role, as soon as there is one: processes of models come and go, and others are just starting
 * again.
 */
async function targetsOf({ deployment, drives }: Stage, role: Role): Promise<number[]> {
  const now = (): number[] => {
    if (role === 'everything') {
      return processTree(process.pid)
        .slice(1)
        .map(({ pid }) => pid);
    }
    if (role === 'command') return drives.flatMap(({ pid }) => pid ?? []).slice(0, 1);
    return deployment.pidsOf(role);
  };
  await within(PATIENCE_MS, () => now().length > 0 || drives.every(({ underWay }) => !underWay));
  return now();
}

async function cut(stage: Stage, { link, worker, how, lastsMs }: Of<'cut'>): Promise<Effect> {
  const links = stage.deployment.linksOf(link, worker);
  for (const one of links) one.cut(how);
  await sleep(lastsMs);
  const met = links.reduce((sum, one) => sum + one.restore(), 0);
  return met > 0 ? took(`${met} connections, ${how}, ${lastsMs} ms`) : missed('no process was connected');
}

/** Evidence is a call of our own processes that found no room, or a log or a failed attempt that says so. */
async function fillDisk(stage: Stage, { disk, lastsMs }: Of<'full disk'>): Promise<Effect> {
  const small = stage.deployment.disks[disk];
  if (small === undefined) return missed('there is no such disk');
  const marks = stage.markLogs();
  const before = stage.slowDisk?.full() ?? 0;
  const filled = small.fill();
  await sleep(lastsMs);
  const calls = (): number => (stage.slowDisk?.full() ?? 0) - before;
  const told = (): boolean => saysFull(stage.logsSince(marks));
  if (filled) await within(UNTIL_FULL_MS, () => calls() > 0 || told());
  small.clear();
  if (!filled) return missed('it could not be filled');
  if (calls() > 0) return took(`${calls()} calls found no room`);
  return told() ? took('a log says so') : missed('no process wrote to it');
}

async function slowDown(stage: Stage, { syncMs, writeMs, lastsMs }: Of<'slow disk'>): Promise<Effect> {
  const { slowDisk } = stage;
  if (slowDisk === null) return missed('there is no library that delays writes');
  const before = slowDisk.delayed();
  slowDisk.set(syncMs, writeMs);
  await sleep(lastsMs);
  await within(PATIENCE_MS, () => slowDisk.delayed() > before);
  slowDisk.set(0, 0);
  const calls = slowDisk.delayed() - before;
  return calls > 0 ? took(`${calls} calls delayed`) : missed('no process wrote');
}

async function untilGone(pids: readonly number[], limitMs: number): Promise<boolean> {
  return await within(limitMs, () => pids.every((pid) => [undefined, 'Z'].includes(processState(pid))));
}

function took(remark: string): Effect {
  return { took: true, remark };
}

function missed(remark: string): Effect {
  return { took: false, remark };
}
