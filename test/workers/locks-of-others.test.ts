import { describe, expect, test } from '@jest/globals';
import { chmodSync, existsSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDatabase } from '../../db/connection/sqlite.js';
import { kernelLock, shareKernelLock, tryKernelLock } from '../../common/kernel-lock.js';
import { heldFailure } from '../../common/sqlite-file.js';
import { updateLock } from '../../models/files/lock-file.js';
import {
  acquireRunLock,
  excludeWorkers,
  joinWorkers,
  openDataFolder,
} from '../../workers/settings/data-folder.js';
import { IS_ROOT, toldWhy } from '../support/mounts.js';
import { dist, kill, nextLine, runModule } from '../support/child-processes.js';
import { startServer } from '../support/temporal-servers.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const linux = process.platform === 'linux';
const possible = IS_ROOT && linux;
const testWithAnother = possible ? test : test.skip;
const another = (title: string): string => toldWhy(title, possible, 'another user needs root, on Linux');
const OTHER = 'user 65534';

/**
 * A process of another user that holds the lock of a file, which that user may open. It releases the lock
 * when it is killed.
 */
async function heldByAnother(file: string, how: 'tryKernelLock' | 'shareKernelLock' = 'tryKernelLock') {
  writeFileSync(file, '', { flag: 'a' });
  chmodSync(file, 0o666);
  const holder = runModule(
    `import { ${how} } from ${dist('common/kernel-lock.js')};
     // The library is loaded while this process may still read it.
     ${how}(process.argv[1] + '.warm').release();
     process.setuid(65534);
     const lock = ${how}(process.argv[1]);
     console.log(lock === undefined ? 'not locked' : 'locked');
     setInterval(() => lock, 1000);`,
    [file],
  );
  expect(await nextLine(holder)).toBe('locked');
  return holder;
}

/** A data folder that is open to all users, as an earlier version with a wide umask made it. */
function openFolder() {
  const root = realpathSync(temporaryFolder());
  chmodSync(root, 0o777);
  return openDataFolder(root);
}

describe('a lock that a process of another user holds', () => {
  testWithAnother(another('keeps a run from starting, with that process and user named'), async () => {
    const folder = openFolder();
    const holder = await heldByAnother(folder.lockFile);
    await expect(acquireRunLock(folder)).rejects.toMatchObject({
      kind: 'InvalidInput',
      message: expect.stringMatching(
        new RegExp(`^process ${holder.pid} of ${OTHER}.* holds ${folder.lockFile}, and so keeps others`),
      ),
    });
    await kill(holder);
    (await acquireRunLock(folder)).release();
  });

  testWithAnother(another('of the workers is named to a worker, and to a repair'), async () => {
    const folder = openFolder();
    const alone = await heldByAnother(folder.workersLockFile);
    expect(() => joinWorkers(folder)).toThrow(`process ${alone.pid} of ${OTHER}`);
    await kill(alone);
    const worker = await heldByAnother(folder.workersLockFile, 'shareKernelLock');
    await expect(excludeWorkers(folder)).rejects.toThrow(`process ${worker.pid} of ${OTHER}`);
    await kill(worker);
    (await excludeWorkers(folder)).release();
  });

  testWithAnother(another("of Temporal's state is named to the server's starter"), async () => {
    const { root } = openFolder();
    const holder = await heldByAnother(join(root, 'temporal.sqlite.lock'));
    await expect(startServer(root)).rejects.toThrow(`already being run by process ${holder.pid} of ${OTHER}`);
    await kill(holder);
  });

  testWithAnother(
    another('is waited for until its own time-out, whatever the time-out of our own locks is'),
    async () => {
      const { root } = openFolder();
      const file = join(root, 'pull.lock');
      const holder = await heldByAnother(file);
      const held: string[] = [];
      const whileHeld = (who: string): void => void held.push(who);
      await expect(
        kernelLock(file, { longestMs: 3_600_000, longestOfOthersMs: 200, whileHeld }),
      ).rejects.toMatchObject({
        kind: 'InvalidInput',
        message: expect.stringMatching(
          new RegExp(
            `^process ${holder.pid} of ${OTHER}.* has held ${file} for \\d+ s; wait for it or end it`,
          ),
        ),
      });
      expect(held).toEqual([expect.stringMatching(`^process ${holder.pid} of ${OTHER}`)]);
      await kill(holder);
      await updateLock(root, (lock) => lock);
    },
  );

  testWithAnother(another('that this user may only read does not count as our own lock'), async () => {
    const { root } = openFolder();
    const file = join(root, 'run.lock');
    tryKernelLock(file)!.release();
    chmodSync(file, 0o644);
    const reader = runModule(
      `import { tryKernelLock } from ${dist('common/kernel-lock.js')};
       tryKernelLock(process.argv[1] + '.warm').release();
       process.setuid(65534);
       try { console.log(tryKernelLock(process.argv[1])); } catch (error) { console.log(error.message); }`,
      [file],
    );
    expect(await nextLine(reader)).toBe(
      `${file} belongs to user 0 (root), and this user may not write to it, which taking the lock needs`,
    );
  });
});

testWithAnother(
  another('if a process of another user keeps a database from being written, the message names that process'),
  async () => {
    const { root } = openFolder();
    const file = join(root, 'panic-tda.sqlite');
    await openDatabase(file).close();
    chmodSync(file, 0o666);
    const holder = runModule(
      `import Database from ${JSON.stringify(import.meta.resolve('better-sqlite3'))};
     new Database(process.argv[1] + '.warm').close();
     process.setuid(65534);
     const db = new Database(process.argv[1]);
     db.exec('BEGIN IMMEDIATE');
     console.log('locked');
     setInterval(() => db, 1000);`,
      [file],
    );
    expect(await nextLine(holder)).toBe('locked');
    const busy = Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' });
    expect(heldFailure(busy, file, 'StoreUnavailable')).toMatchObject({
      kind: 'StoreUnavailable',
      message: expect.stringMatching(
        `^process ${holder.pid} of ${OTHER}.* holds a lock of ${file}, and did not give it back`,
      ),
    });
    await kill(holder);
    expect(heldFailure(busy, file, 'StoreUnavailable')).toBeNull();
  },
);

test('a lock that another process of this user holds too long is an error that names it', async () => {
  const file = join(realpathSync(temporaryFolder()), 'guard');
  const holder = runModule(
    `import { tryKernelLock } from ${dist('common/kernel-lock.js')};
     const lock = tryKernelLock(process.argv[1]);
     console.log('locked');
     setInterval(() => lock, 1000);`,
    [file],
  );
  await nextLine(holder);
  const who = linux ? `process ${holder.pid}` : 'another process';
  await expect(kernelLock(file, { longestMs: 200 })).rejects.toThrow(
    new RegExp(`^${who} has held ${file} for \\d+ s`),
  );
  await kill(holder);
  (await kernelLock(file)).release();
});

test.each([tryKernelLock, shareKernelLock])(
  'a link in the place of a lock is refused, and its end is not made (%p)',
  (take) => {
    const folder = temporaryFolder();
    const target = join(folder, 'target');
    symlinkSync(target, join(folder, 'run.lock'));
    expect(() => take(join(folder, 'run.lock'))).toThrow(
      /run\.lock is a link, and panic-tda keeps an SQLite file there; move it away/,
    );
    expect(existsSync(target)).toBe(false);
  },
);
