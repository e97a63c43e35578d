import { setTimeout as sleep } from 'node:timers/promises';
import { PanicError } from '../../common/errors.js';
import type { Deadlines } from '../choices.js';
import { loadedWithin } from './deadline.js';
import { RunnerEnded, type ProcessRunner } from './process-runner.js';

const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 500;

/**
 * Starts a process and waits until its model is loaded. It starts a process that dies meanwhile again, three times
 * in all. Throws the loader's PanicError, `DeviceError` where every attempt died, or `ResourceLimit` where one took
 * too long.
 */
export async function loadRunner(
  name: string,
  memoryMiB: number,
  deadlines: Pick<Deadlines, 'loadSeconds'>,
  start: () => ProcessRunner,
): Promise<ProcessRunner> {
  for (let attempt = 1; ; attempt++) {
    const runner = start();
    runner.keepAlive(true);
    try {
      await loadedWithin(
        name,
        deadlines,
        () => runner.loaded,
        () => void runner.stop(),
      );
      runner.keepAlive(false);
      return runner;
    } catch (error) {
      await runner.stop();
      if (!(error instanceof RunnerEnded)) throw error;
      if (attempt === ATTEMPTS) {
        throw new PanicError(
          'DeviceError',
          `the process of ${name} ${error.message}, while it loaded, ${ATTEMPTS} times in a row. ` +
            `It needs about ${memoryMiB} MiB of memory; "panic-tda doctor" tries the devices and "panic-tda models" names its files`,
          { cause: error },
        );
      }
      await sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1));
    }
  }
}
