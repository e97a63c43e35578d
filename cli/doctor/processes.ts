import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage } from '../../experiment/errors.js';
import { isThere } from '../../experiment/presence.js';
import { readRunInfo } from '../../workers/data-folder.js';
import { endsWithWords, hasWords, ownProcesses } from '../../workers/processes.js';
import type { Context } from '../context.js';
import { EMBEDDED_WORKERS, workerWords } from '../embedded-workers.js';
import { info, ok, problem, warning } from './finding.js';
import type { Finding } from './finding.js';

/** Who runs experiments in this folder, and what a run that was killed left behind. */
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
  const left = leftovers(folder.temporal, folder.root);
  if (left.length === 0) yield ok('no process runs experiments here, and none was left behind');
  for (const { name, pid } of left) {
    yield warning(
      `process ${pid} (${name}) was left behind by a run that was killed; the next "${command('run', 'FILE')}" ends it, or do so now: kill ${pid}`,
    );
  }
}

function leftovers(temporal: string, root: string): { name: string; pid: number }[] {
  if (!isThere(temporal)) return [];
  const server = join(realpathSync(temporal), 'temporal.sqlite');
  return ownProcesses().flatMap(({ pid, words }) => {
    if (hasWords(words, ['start-dev']) && hasWords(words, [server]))
      return [{ name: 'Temporal server', pid }];
    // Workers end by themselves when their supervisor is gone; one that hangs does not. Configured workers belong to their user.
    const isWorker = EMBEDDED_WORKERS.some((queues) => endsWithWords(words, workerWords(queues, root)));
    return isWorker ? [{ name: 'worker', pid }] : [];
  });
}
