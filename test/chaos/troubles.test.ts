import { afterEach, describe, expect, test } from '@jest/globals';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createKeeper, type Keeper } from '../../faults/common/keeper.js';
import { openLink, type Link, type Outage } from '../../faults/common/link.js';
import { compileSlowDisk, openSlowDisk } from '../../faults/chaos/disks.js';
import { until } from '../support/child-processes.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { portOf } from '../support/port-of.js';

/** Checks that the chaos suite really does to processes, connections and disks what it says. */

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

/** A connection through a link that has carried data. */
async function throughLink(): Promise<{ link: Link; near: Socket; said: string[]; closed: () => boolean }> {
  const said: string[] = [];
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.setEncoding('utf8').on('data', (text: string) => said.push(text));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const link = await openLink(`127.0.0.1:${portOf(server)}`);
  cleanUps.push(
    () => server.close(),
    () => link.close(),
  );
  const near = connect(Number(link.address.split(':')[1]), '127.0.0.1');
  near.on('error', () => undefined);
  let closed = false;
  near.on('close', () => (closed = true));
  near.write('before');
  await until('it passes', () => said.length > 0);
  return { link, near, said, closed: () => closed };
}

function keeper(): Keeper {
  const kept = createKeeper(({ command, args }) => spawn(command, args, { stdio: 'ignore' }));
  cleanUps.push(async () => {
    kept.holdAll();
    for (const name of kept.names) kept.signal(name, 'SIGKILL');
    await kept.gone();
  });
  return kept;
}

describe('a link that is cut', () => {
  test.each<[Outage, { arrives: boolean; closes: boolean }]>([
    ['lost', { arrives: false, closes: true }],
    ['late', { arrives: true, closes: false }],
    ['refused', { arrives: false, closes: true }],
  ])('%s', async (how, { arrives, closes }) => {
    const { link, near, said, closed } = await throughLink();
    link.cut(how);
    near.write('meanwhile');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(said).toEqual(['before']);
    expect(closed()).toBe(how === 'refused');
    expect(link.restore()).toBe(1);
    await until('the outcome is there', () => closed() === closes && said.length === (arrives ? 2 : 1));
    expect(said).toEqual(arrives ? ['before', 'meanwhile'] : ['before']);
  });
});

describe('a slow disk', () => {
  const compiler = spawnSync('cc', ['--version']).status === 0;
  const here = compiler ? test : test.skip;
  if (!compiler) console.log('the test of slow disks is skipped: no C compiler (cc) is on PATH');

  const SYNC_TWICE = `
    const fs = require('node:fs');
    const file = fs.openSync(process.argv[1], 'w');
    for (let i = 0; i < 2; i++) { fs.writeSync(file, 'x'); fs.fsyncSync(file); }`;

  here('delays what a program writes and syncs, and counts it', () => {
    const folder = temporaryFolder();
    const disk = openSlowDisk(compileSlowDisk(folder), folder);
    const run = (): number => {
      const began = performance.now();
      execFileSync(process.execPath, ['-e', SYNC_TWICE, join(folder, 'file')], {
        env: { ...process.env, NODE_OPTIONS: '', ...disk.variables },
      });
      return performance.now() - began;
    };
    run();
    expect(disk.delayed()).toBe(0);
    disk.set(300, 100);
    expect(run()).toBeGreaterThan(800);
    expect(disk.delayed()).toBe(4);
    disk.set(0, 0);
    run();
    expect(disk.delayed()).toBe(4);
    expect(disk.full()).toBe(0);
  });
});

describe('a kept service', () => {
  const service = { name: 'sleeper', command: 'sleep', args: ['600'], env: {} };

  test('is started again when it ends, and stays away while it is held', async () => {
    const kept = keeper();
    kept.run(service);
    const first = kept.pidOf('sleeper');
    kept.signal('sleeper', 'SIGKILL');
    await until('it is there again', () => ![undefined, first].includes(kept.pidOf('sleeper')));
    expect(kept.restarts).toBe(1);
    expect(await kept.hold('sleeper', 'SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(kept.pidOf('sleeper')).toBeUndefined();
    kept.release('sleeper');
    expect(kept.pidOf('sleeper')).toBeDefined();
  });

  test('that does not end in time is reported', async () => {
    const kept = keeper();
    kept.run({ ...service, command: 'sh', args: ['-c', 'trap "" TERM; while :; do sleep 0.1; done'] });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await kept.hold('sleeper', 'SIGTERM', 300)).toBeNull();
  });
});
