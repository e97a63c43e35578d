import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { boundOpenLog } from '../../workers/processes/log-file.js';
import {
  supervise,
  type SuperviseOptions,
  type SupervisedProcess,
  type SupervisorEvent,
} from '../../workers/processes/supervisor.js';
import { wholeEnvironment } from '../support/whole-environment.js';
import { dist, isRunning, kill, nextLine, runModule, until } from '../support/child-processes.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const supervised: SupervisedProcess[] = [];
afterEach(async () => {
  for (const one of supervised.splice(0)) await one.stop();
});

/** Supervises a Node that runs the text of a CommonJS module, and records its events. */
function superviseScript(script: string, options: Partial<SuperviseOptions> = {}) {
  const logFile = join(temporaryFolder(), 'child.log');
  const events: SupervisorEvent[] = [];
  const child = supervise({
    name: 'child',
    command: process.execPath,
    args: ['-e', script],
    env: wholeEnvironment({ NODE_OPTIONS: undefined }),
    logFile,
    onEvent: (event) => events.push(event),
    ...options,
  });
  supervised.push(child);
  return { child, events, logFile, log: () => readFileSync(logFile, 'utf8') };
}

function kinds(events: readonly SupervisorEvent[]): string[] {
  return events.map(({ kind }) => kind);
}

const stay = 'setInterval(() => {}, 1000);';
const sayReady = "process.send({ kind: 'panic-tda:ready' });";

describe('a child that ends', () => {
  test('is started again, each time after twice the time', async () => {
    const { child, events } = superviseScript('process.exit(7);');
    await until('it was restarted three times', () => child.restarts === 3);
    const delays = events.flatMap((event) => (event.kind === 'restarting' ? [event.delayMs] : []));
    expect(delays.slice(0, 3)).toEqual([200, 400, 800]);
    expect(events.find(({ kind }) => kind === 'exited')).toMatchObject({
      how: 'ended with code 7',
      expected: false,
    });
  });

  test('gets its next arguments when it is started again', async () => {
    let next = 0;
    const { log } = superviseScript('', {
      args: ['-e', 'console.log(process.argv[1])', 'first'],
      nextArgs: async () => ['-e', 'console.log(process.argv[1])', `next-${++next}`],
    });
    await until('it was started three times', () => log().includes('next-2'));
    expect(log()).toMatch(/^first$[^]*^next-1$[^]*^next-2$/m);
  });

  test('by SIGKILL comes back as another process and is ready again', async () => {
    const { child, events } = superviseScript(`${sayReady} ${stay}`, { ready: 'message' });
    await child.ready;
    const first = child.pid!;
    process.kill(first, 'SIGKILL');
    await until('it is ready again', () => kinds(events).filter((kind) => kind === 'ready').length === 2);
    expect(child.pid).not.toBe(first);
    expect(kinds(events)).toEqual(['started', 'ready', 'exited', 'restarting', 'started', 'ready']);
  });

  test('ends together with the rest of its process group', async () => {
    const { child, events } = superviseScript(
      `const { pid } = require('node:child_process').spawn(process.execPath, ['-e', '${stay}'], { stdio: 'ignore' });
       process.send(pid); ${stay}`,
    );
    await until('it has reported its own child', () => kinds(events).includes('message'));
    const grandchild = events.flatMap((event) =>
      event.kind === 'message' ? [Number(event.message)] : [],
    )[0]!;
    process.kill(child.pid!, 'SIGKILL');
    await until('the grandchild is gone', () => !isRunning(grandchild));
  });

  test('before it was ever ready is given up after its start attempts, with the end of its log', async () => {
    const { child, events } = superviseScript("console.error('no such model'); process.exit(1);", {
      ready: 'message',
      startAttempts: 2,
    });
    await expect(child.ready).rejects.toThrow(
      /child ended with code 1 before it was ready\. The end of .*\n[^]*no such model/,
    );
    expect(kinds(events)).toEqual(['started', 'exited', 'restarting', 'started', 'exited']);
  });

  test('because its command does not exist is given up in the same way', async () => {
    const { child } = superviseScript('', { command: '/no/such/command', startAttempts: 1 });
    await expect(child.ready).rejects.toThrow('child cannot be started');
    await child.stop();
  });

  test('is not waited for by its readiness probe', async () => {
    let aborted = false;
    const { child } = superviseScript('process.exit(1);', {
      startAttempts: 1,
      ready: async (_pid, signal) =>
        await new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted = true;
            reject(new Error('aborted'));
          });
        }),
    });
    await expect(child.ready).rejects.toThrow('ended with code 1');
    expect(aborted).toBe(true);
  });

  test('one that never becomes ready is ended, which counts as a failed start', async () => {
    const { child } = superviseScript(stay, {
      startAttempts: 1,
      ready: async () => await Promise.reject(new Error('it did not answer')),
    });
    await expect(child.ready).rejects.toThrow(
      'child was ended because it did not answer before it was ready',
    );
    expect(child.pid).toBeUndefined();
  });
});

/** Ready the first time; after that, runs `again`. */
function readyOnce(again: string): string {
  const marker = JSON.stringify(join(temporaryFolder(), 'was-ready'));
  return `const { existsSync, writeFileSync } = require('node:fs');
    if (existsSync(${marker})) { ${again} } else { writeFileSync(${marker}, ''); ${sayReady} setTimeout(() => process.exit(1), 50); }`;
}

const sayUnable =
  "process.send({ kind: 'panic-tda:unable', reason: 'the lake is frozen' }, () => process.exit(2));";

describe('a child that cannot work', () => {
  test('and says so is given up at once, with its reason', async () => {
    const { child, events } = superviseScript(sayUnable, { ready: 'message', startAttempts: 3 });
    await expect(child.ready).rejects.toMatchObject({
      kind: 'InvalidInput',
      message: 'child cannot work: the lake is frozen',
    });
    await expect(child.givenUp).rejects.toThrow('the lake is frozen');
    expect(kinds(events)).toEqual(['started', 'exited']);
  });

  test('any more is given up as well, although it was ready before', async () => {
    const { child, events } = superviseScript(readyOnce(sayUnable), { ready: 'message' });
    await child.ready;
    await expect(child.givenUp).rejects.toThrow('child cannot work: the lake is frozen');
    expect(kinds(events)).toEqual(['started', 'ready', 'exited', 'restarting', 'started', 'exited']);
  });

  test('and was ready once is given up after its restart attempts in a row, with the end of its log', async () => {
    const { child, events } = superviseScript(readyOnce("console.error('no room'); process.exit(1);"), {
      ready: 'message',
      startAttempts: 1,
      restartAttempts: 2,
    });
    await child.ready;
    await expect(child.givenUp).rejects.toThrow(/ended with code 1 before it was ready\.[^]*no room/);
    expect(kinds(events).filter((kind) => kind === 'started')).toHaveLength(3);
  });
});

describe('stopping', () => {
  test('is SIGTERM, which lets the child finish, and is no reason to restart', async () => {
    const { child, events, log } = superviseScript(
      `process.on('SIGTERM', () => { console.log('finished'); process.exit(0); }); ${sayReady} ${stay}`,
      { ready: 'message' },
    );
    await child.ready;
    await child.stop();
    expect(log()).toContain('finished');
    expect(events.at(-1)).toMatchObject({ kind: 'exited', how: 'ended with code 0', expected: true });
  });

  test('is SIGKILL after the grace time', async () => {
    const { child, events } = superviseScript(`process.on('SIGTERM', () => {}); ${sayReady} ${stay}`, {
      ready: 'message',
      graceMs: 200,
    });
    await child.ready;
    await Promise.all([child.stop(), child.stop()]);
    expect(events.at(-1)).toMatchObject({ kind: 'exited', how: 'was ended by SIGKILL', expected: true });
  });

  test('while the next arguments are looked for cancels the restart', async () => {
    const answers: ((args: readonly string[]) => void)[] = [];
    const { child, events } = superviseScript('process.exit(1);', {
      nextArgs: async () => await new Promise((resolve) => answers.push(resolve)),
    });
    await until('they are looked for', () => answers.length === 1);
    await child.stop();
    answers[0]!(['-e', stay]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(kinds(events).filter((kind) => kind === 'started')).toHaveLength(1);
    expect(child.pid).toBeUndefined();
  });

  test('between two incarnations cancels the restart', async () => {
    const { child, events } = superviseScript('process.exit(1);');
    await until('it ended', () => kinds(events).includes('restarting'));
    await child.stop();
    const seen = events.length;
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(events).toHaveLength(seen);
  });
});

/** A process that supervises one child and prints the child's process id. */
function supervisorProcess(ending: string) {
  const folder = temporaryFolder();
  const child = `import { endWithParent } from ${dist('workers/processes/supervisor.js')};
    import { writeFileSync } from 'node:fs';
    endWithParent(() => ${ending}, 300);
    process.send(process.pid);
    setInterval(() => {}, 1000);`;
  const process = runModule(
    `import { supervise } from ${dist('workers/processes/supervisor.js')};
     supervise({
       name: 'child', command: process.execPath, args: ['--input-type=module', '-e', ${JSON.stringify(child)}, '--', process.argv[1]],
       env: { ...process.env }, logFile: process.argv[1] + '/log',
       onEvent: (event) => { if (event.kind === 'message') console.log(event.message); },
     });
     process.on('SIGTERM', () => process.exit(0));`,
    [folder],
  );
  return { process, folder };
}

describe('a child whose supervisor ends', () => {
  test('by SIGKILL finishes its work and ends, too', async () => {
    const { process, folder } = supervisorProcess("writeFileSync(process.argv[1] + '/finished', '')");
    const pid = Number(await nextLine(process));
    expect(isRunning(pid)).toBe(true);
    await kill(process);
    await until('the child is gone', () => !isRunning(pid));
    expect(existsSync(join(folder, 'finished'))).toBe(true);
  });

  test('by SIGKILL ends after its grace time when finishing takes for ever', async () => {
    const { process } = supervisorProcess('new Promise(() => {})');
    const pid = Number(await nextLine(process));
    await kill(process);
    await until('the child is gone', () => !isRunning(pid));
  });

  test('by leaving without stopping it ends, too', async () => {
    const { process } = supervisorProcess('undefined');
    const pid = Number(await nextLine(process));
    process.kill('SIGTERM');
    await until('the child is gone', () => !isRunning(pid));
  });
});

describe('the log', () => {
  test('keeps what every incarnation wrote, under a line that says when it started', async () => {
    const { child, log } = superviseScript("console.log('hello'); process.exit(1);");
    await until('it was restarted', () => child.restarts === 1);
    await until('both have written', () => log().split('hello').length === 3);
    expect(log()).toMatch(/^--- \d{4}-.*Z child starts\nhello\n--- .* child starts, restart 1\nhello\n/);
  });

  test('is put aside when it has grown large', async () => {
    const logFile = join(temporaryFolder(), 'big.log');
    writeFileSync(logFile, Buffer.alloc(17 * 1024 * 1024));
    const { child } = superviseScript(`${sayReady} ${stay}`, { logFile, ready: 'message' });
    await child.ready;
    expect(existsSync(`${logFile}.1`)).toBe(true);
    expect(readFileSync(logFile).length).toBeLessThan(1000);
  });

  test('is put aside while its process goes on writing to it', async () => {
    const { child, logFile, log } = superviseScript(
      `console.log('before'); process.on('SIGUSR2', () => { console.log('after'); }); ${sayReady} ${stay}`,
      { ready: 'message' },
    );
    await child.ready;
    await until('it has written', () => log().includes('before'));
    boundOpenLog(logFile, 1000);
    expect(log()).toContain('before');
    boundOpenLog(logFile, 10);
    expect(log()).toBe('');
    expect(readFileSync(`${logFile}.1`, 'utf8')).toContain('before');
    process.kill(child.pid!, 'SIGUSR2');
    await until('it goes on at the beginning', () => log() === 'after\n');
  });
});
