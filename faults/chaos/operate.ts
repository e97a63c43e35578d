import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertNever } from '../../common/errors.js';
import { endingOf } from '../common/keeper.js';
import { STOP_MS } from './deployment.js';
import type { Drive } from './drive.js';
import type { Trouble } from './faults.js';
import { askDoctor } from './judge.js';
import { TOO_LATE, within, type Effect, type Stage } from './stage.js';

/** What an operator does, and undoes later. */

type Operator = Extract<Trouble, { kind: 'operator' }>;

/** A command that has not ended after this time waits for a server, or drives the experiment itself. */
const PATIENCE_MS = 20_000;
const AGAIN_MS = 2000;
/** A worker takes some seconds to begin. */
const START_MS = 30_000;
const ATTEMPTS = 40;

export async function operate(
  stage: Stage,
  { operation, experiment, run, lastsMs }: Operator,
): Promise<Effect> {
  const open = stage.drives.filter(({ underWay }) => underWay);
  const drive = open[Math.floor(experiment * open.length)];
  if (drive === undefined) return TOO_LATE;
  const runs = (await stage.observer.standing(drive.experiment))?.runs ?? 1;
  const ofRun = ['--run', String(Math.floor(run * runs))];
  const { experiment: id, file } = drive;
  switch (operation) {
    case 'pause':
      return await pause(stage, [id], lastsMs);
    case 'pause a run':
      return await pause(stage, [id, ...ofRun], lastsMs);
    case 'cancel':
      return await cancel(stage, drive, lastsMs);
    case 'cancel a run':
      return await cancelRun(stage, [id, ...ofRun], lastsMs);
    case 'run again':
      return await runAgain(stage, file);
    case 'second worker':
      return await secondWorker(stage, lastsMs);
    case 'doctor':
      return await consultDoctor(stage);
    case 'lose the state of Temporal':
      return await loseTemporalState(stage, lastsMs);
    default:
      return assertNever(operation);
  }
}

async function pause(stage: Stage, words: readonly string[], lastsMs: number): Promise<Effect> {
  const code = await codeOf(stage.command(['pause', ...words]));
  await sleep(lastsMs);
  await resume(stage, words);
  return effectOf(code, [0, 1]);
}

async function cancel(stage: Stage, drive: Drive, lastsMs: number): Promise<Effect> {
  // The user begins no command for it meanwhile.
  const held = drive.hold(null, 0);
  const code = await codeOf(stage.command(['cancel', drive.experiment]));
  await held;
  await sleep(lastsMs);
  drive.release();
  return effectOf(code, [0, 1]);
}

async function cancelRun(stage: Stage, words: readonly string[], lastsMs: number): Promise<Effect> {
  const code = await codeOf(stage.command(['cancel', ...words]));
  await sleep(lastsMs);
  await resume(stage, words);
  return effectOf(code, [0, 1, 'under way']);
}

/**
 * Runs `resume` until the service has answered; exit status 1 says that it did not. A `resume` that drives
 * the experiment itself goes on.
 */
async function resume(stage: Stage, words: readonly string[]): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const code = await codeOf(stage.command(['resume', ...words]));
    // 2: there is nothing to resume, since the run or the experiment has ended, or another process drives it.
    if (code === 0 || code === 2 || code === 'under way') return;
    await sleep(AGAIN_MS);
  }
}

/**
 * With the embedded server a second `run` is refused; with a server of its own it watches the same
 * experiment.
 */
async function runAgain(stage: Stage, file: string): Promise<Effect> {
  const code = await codeOf(stage.command(['run', file]));
  return effectOf(code, ['under way', 0, 2, 3]);
}

async function secondWorker(stage: Stage, lastsMs: number): Promise<Effect> {
  const environment = stage.deployment.workerEnvironment();
  if (environment === null) return { took: false, remark: 'there was no server' };
  const marks = stage.markLogs();
  const child = stage.command(['worker', '--queues', 'all', '--data', stage.deployment.data], environment);
  const served = await within(START_MS, () => / serves panic-tda/.test(stage.logsSince(marks)));
  await sleep(lastsMs);
  child.kill('SIGTERM');
  if ((await endingOf(child, STOP_MS)) === null) {
    stage.wrong(`a second worker had not ended ${STOP_MS / 1000} s after SIGTERM`);
    child.kill('SIGKILL');
  }
  return { took: served, remark: served ? `for ${lastsMs} ms` : 'it had not begun to serve' };
}

/** The rows must be sound at any moment, whatever else happens. */
async function consultDoctor(stage: Stage): Promise<Effect> {
  const { code, violations } = await askDoctor([], stage.deployment.commandEnvironment);
  for (const violation of violations) stage.wrong(`doctor, during the round: ${violation}`);
  return effectOf(code, [0, 1]);
}

async function loseTemporalState(stage: Stage, lastsMs: number): Promise<Effect> {
  const { plan } = stage.deployment;
  const held = plan.kind === 'embedded' ? stage.drives.map((drive) => drive.hold(null, 0)) : [];
  await stage.deployment.loseTemporalState();
  if (held.length > 0) {
    await Promise.all(held);
    await sleep(lastsMs);
    for (const drive of stage.drives) drive.release();
  }
  return { took: true, remark: 'it began empty' };
}

/** Its exit status; 'under way' if it goes on. */
async function codeOf(child: ChildProcess): Promise<number | 'under way' | null> {
  const ending = await endingOf(child, PATIENCE_MS);
  return ending === null ? 'under way' : ending.code;
}

function effectOf(code: number | 'under way' | null, effective: readonly (number | 'under way')[]): Effect {
  const remark = code === 'under way' ? code : `exit ${code}`;
  return { took: code !== null && effective.includes(code), remark };
}
