import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const longestSetUpMs = 30 * 60_000;

/** Allows one set-up of this clone at a time. A second one waits, and then finds everything done. */
export async function withLock(root, say, work) {
  const file = join(root, '.panic-tda-setup.lock');
  const since = Date.now();
  let waiting = false;
  while (!take(file)) {
    if (!waiting) say(`waiting for another set-up of this folder (remove ${file} if there is none)`);
    waiting = true;
    if (Date.now() - since > longestSetUpMs) {
      throw new Error(
        `Another set-up of this folder has not ended in half an hour; remove ${file} if there is none.`,
      );
    }
    await sleep(200);
  }
  const release = () => rmSync(file, { force: true });
  process.once('exit', release);
  // Without a listener these signals would end the process before it releases the lock.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

function take(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  if (isAbandoned(file)) rmSync(file, { force: true });
  return false;
}

/** Its process is gone, or it is too old to belong to a set-up that still works. */
function isAbandoned(file) {
  try {
    if (Date.now() - statSync(file).mtimeMs > longestSetUpMs) return true;
    const pid = Number(readFileSync(file, 'utf8'));
    // A file without a number was created a moment ago.
    if (!pid) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}
