import Database from 'better-sqlite3';
import {
  closeSync,
  cpSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { isKernelLockHeld } from '../../common/kernel-lock.js';
import { findTemporalCli } from '../../workers/temporal/cli.js';
import type { TemporalCli } from '../../workers/temporal/cli-choice.js';
import type { TemporalServer, TemporalServerOptions } from '../../workers/temporal/server.js';
import { dist, isRunning, kill, nextLine, runModule } from '../support/child-processes.js';
import { sharedTemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { startServer, startWorkflow, workflowStatus } from '../support/temporal-servers.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';
import { portOf } from '../support/port-of.js';

let cli: TemporalCli;
beforeAll(async () => {
  cli = await findTemporalCli({ fetch: false });
});

const running: TemporalServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

async function start(folder: string, options: Partial<TemporalServerOptions> = {}) {
  const started = await startServer(folder, options);
  running.push(started.server);
  return started;
}

// A run ends a server that was never started again: test/drills/embedded.test.ts.
test('a server that was started again, and outlived its supervisor, is ended before another starts on its file, which has the workflows', async () => {
  const folder = temporaryFolder();
  const supervisor = runModule(
    `import { startTemporalServer } from ${dist('workers/temporal/server.js')};
     const [folder, path, version] = process.argv.slice(1);
     const ready = [];
     const server = await startTemporalServer({
       cli: { path, version }, databaseFile: folder + '/temporal.sqlite', logFile: folder + '/temporal.log',
       onEvent: ({ kind, pid }) => {
         if (kind !== 'ready') return;
         ready.push(pid);
         if (ready.length === 2) console.log(JSON.stringify({ address: server.address, pids: ready }));
       },
     });
     process.kill(server.pid, 'SIGKILL');`,
    [folder, cli.path, cli.version],
  );
  const { address, pids } = readJson(
    await nextLine(supervisor),
    z.object({ address: z.string(), pids: z.tuple([z.number(), z.number()]) }),
  );
  const [first, second] = pids;
  expect(second).not.toBe(first);
  await startWorkflow({ address }, 'survives');
  await kill(supervisor);
  expect(isRunning(second)).toBe(true);

  const { server, notices } = await start(folder);
  expect(isRunning(second)).toBe(false);
  expect(notices).toEqual([
    `A Temporal server (process ${second}) had outlived the program that started it; it was ended.`,
  ]);
  expect(await workflowStatus(server, 'survives')).toBe('RUNNING');
});

describe('state that cannot be used', () => {
  let used: string;
  beforeAll(async () => {
    used = sharedTemporaryFolder();
    const { server } = await startServer(used);
    await server.stop();
    // Moves everything from the write-ahead log into the file.
    const database = new Database(join(used, 'temporal.sqlite'));
    database.pragma('journal_mode = DELETE');
    database.close();
  });

  function usedState(): string {
    const folder = temporaryFolder();
    cpSync(used, folder, { recursive: true });
    return folder;
  }

  test('because it is damaged in the middle is set aside, and the server starts afresh', async () => {
    const folder = usedState();
    damage(join(folder, 'temporal.sqlite'));
    const { server, notices } = await start(folder);
    expect(notices).toEqual([setAsideIn(folder, 'was damaged')]);
    await startWorkflow(server, 'works');
    expect(readdirSync(join(folder, 'set-aside'))).toContain('temporal.sqlite');
  });

  test.each([
    ['is no database', 'was damaged', ['temporal.sqlite', 'not a database at all, not even nearly']],
    ['is empty', 'was damaged', ['temporal.sqlite', '']],
    [
      'was written by another version of the CLI',
      'was written by another version of its CLI',
      ['temporal.sqlite.cli-version', '1.2.3\n'],
    ],
  ] as const)('because it %s is set aside', async (_title, why, [file, content]) => {
    const folder = usedState();
    writeFileSync(join(folder, file), content);
    const notices: string[] = [];
    const onNotice = (sentence: string): number => notices.push(sentence);
    await expect(start(folder, { cli: cliUntilSetAside(folder), onNotice })).rejects.toThrow(/code 1/);
    expect(notices).toEqual([setAsideIn(folder, why)]);
    expect(readdirSync(join(folder, 'set-aside'))).toContain('temporal.sqlite');
  });
});

describe('a server that does not start', () => {
  test('is an error with the end of its log, and leaves its file free', async () => {
    const folder = temporaryFolder();
    const broken = scriptedCli(folder, 'echo "the disk is on fire" >&2; exit 1');
    await expect(start(folder, { cli: broken })).rejects.toThrow(
      /temporal server ended with code 1 before it was ready\. The end of .*temporal\.log:\n[^]*the disk is on fire/,
    );
    const lock = join(folder, 'temporal.sqlite.lock');
    expect(existsSync(lock)).toBe(true);
    expect(isKernelLockHeld(lock)).toBe(false);
  });

  test('within its time is ended', async () => {
    const folder = temporaryFolder();
    const silent = scriptedCli(folder, `echo $$ > ${folder}/pid; exec sleep 60`);
    await expect(start(folder, { cli: silent, startTimeoutMs: 300 })).rejects.toThrow(
      'temporal server was ended because it did not answer within 0.3 s',
    );
    expect(isRunning(Number(readFileSync(join(folder, 'pid'), 'utf8')))).toBe(false);
  });

  test('because a port was taken in the meantime starts on others', async () => {
    const folder = temporaryFolder();
    const unlucky = scriptedCli(
      folder,
      `if [ ! -e ${folder}/tried ]; then
         touch ${folder}/tried; echo "listen tcp 127.0.0.1:1: bind: address already in use" >&2; exit 1
       fi
       exec ${cli.path} "$@"`,
    );
    await start(folder, { cli: unlucky });
    expect(existsSync(join(folder, 'tried'))).toBe(true);
  });

  test('because its port stays taken is an error with the words by which the program recognises that', async () => {
    const blocker = createServer();
    const port = await new Promise<number>((resolve) => {
      blocker.listen(0, '127.0.0.1', () => resolve(portOf(blocker)));
    });
    const folder = temporaryFolder();
    const stubborn = scriptedCli(folder, `exec ${cli.path} "$@" --port ${port}`);
    await expect(start(folder, { cli: stubborn })).rejects.toThrow(/address already in use/);
    expect(readFileSync(join(folder, 'temporal.log'), 'utf8').match(/^--- .* starts$/gm)).toHaveLength(3);
    blocker.close();
  });
});

function setAsideIn(folder: string, why: string): string {
  return `Temporal's state ${why}; it was moved to ${join(folder, 'set-aside')} and starts empty.`;
}

/** Overwrites pages after the first one, where the tables are. */
function damage(file: string): void {
  const page = 4096;
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.alloc(30 * page, 0x5a), 0, 30 * page, 5 * page);
  closeSync(descriptor);
}

/** The CLI until the state has been set aside. From then on it ends at once. */
function cliUntilSetAside(folder: string): Pick<TemporalCli, 'path' | 'version'> {
  return scriptedCli(
    folder,
    `if [ -e ${join(folder, 'set-aside')} ]; then exit 1; fi; exec ${cli.path} "$@"`,
  );
}

/** A CLI that is a shell script. */
function scriptedCli(folder: string, script: string): Pick<TemporalCli, 'path' | 'version'> {
  const path = join(folder, 'scripted');
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { path, version: cli.version };
}
