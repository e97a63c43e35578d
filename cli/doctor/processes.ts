import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage, isPanicError } from '../../common/errors.js';
import { isThere } from '../../common/presence.js';
import { readRunInfo } from '../../workers/settings/data-folder.js';
import { endsWithWords, ownProcesses } from '../../workers/processes/own-processes.js';
import { orphansOn } from '../../workers/temporal/started-server.js';
import type { Context } from '../context.js';
import { EMBEDDED_WORKERS, workerWords } from '../session/embedded-workers.js';
import { info, ok, problem, warning } from './finding.js';
import type { Finding } from './finding.js';

/** Says which process runs experiments in this folder, and which processes a killed run left behind. */
export function* checkProcesses({ folder, command }: Context): Generator<Finding> {
  let running;
  try {
    running = readRunInfo(folder);
  } catch (error) {
    yield problem(errorMessage(error));
    return;
  }
  if (running !== undefined) {
    const what = running.experiment === undefined ? 'experiments' : `experiment ${running.experiment}`;
    yield info(`process ${running.pid} runs ${what} here since ${running.startedAt}`);
    return;
  }
  let left;
  try {
    left = leftovers(folder.temporal, folder.root);
  } catch (error) {
    if (!isPanicError(error, 'InvalidInput')) throw error;
    // No record names this server; an earlier version may have started it. A run refuses to start beside it.
    yield warning(error.message);
    return;
  }
  if (left.length === 0) yield ok('no process runs experiments here, and none was left behind');
  for (const { name, pid } of left) {
    yield warning(
      `process ${pid} (${name}) was left behind by a run that was killed; the next "${command('run', 'FILE')}" ends it, or do so now: kill ${pid}`,
    );
  }
}

function leftovers(temporal: string, root: string): { name: string; pid: number }[] {
  if (!isThere(temporal)) return [];
  const servers = orphansOn(join(realpathSync(temporal), 'temporal.sqlite'));
  const workers = ownProcesses().flatMap(({ pid, words }) => {
    // A worker ends by itself when its supervisor is gone, except if it hangs. Workers that a user starts are
    // that user's to end.
    const isWorker = EMBEDDED_WORKERS.some((queues) => endsWithWords(words, workerWords(queues, root)));
    return isWorker ? [{ name: 'worker', pid }] : [];
  });
  return [...servers.map(({ pid }) => ({ name: 'Temporal server', pid })), ...workers];
}
