import { afterAll, afterEach, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { ownMark } from '../support/own-mark.js';
import { cleanUp } from '../support/cli-process.js';
import { controlGroup } from '../support/control-group.js';
import { invocationCount, untilInvocations, violations } from '../support/store-checks.js';
import { openFleet, type Fleet } from '../support/fleet.js';

const LIMIT = 128 * 2 ** 20;

const group = controlGroup(LIMIT, 2);
const here = typeof group === 'string' ? test.skip : test;
if (typeof group === 'string')
  process.stderr.write(`skipped: a worker at the limit of its memory: ${group}\n`);

/** A process that fills the memory of the group. */
const NEIGHBOUR = `
  const kept = [];
  setInterval(() => {
    if (kept.length < 16) kept.push(Buffer.alloc(8 * 2 ** 20, 1));
  }, 20);`;

let fleet: Fleet | null = null;
let neighbour: ChildProcess | null = null;

afterEach(async () => {
  await fleet?.close();
  await cleanUp();
});
afterAll(async () => {
  if (neighbour !== null && neighbour.exitCode === null && neighbour.signalCode === null) {
    neighbour.kill('SIGKILL');
    await once(neighbour, 'exit');
  }
  if (typeof group !== 'string') group.remove();
});

here(
  'a worker that the kernel ends at the limit of its container loses no step, and another one goes on',
  async () => {
    if (typeof group === 'string') throw new Error(group);
    fleet = await openFleet();
    const { data } = fleet;
    await fleet.worker(['--queues', 'main,cpu']);
    const worker = await fleet.worker(['--queues', 'gpu']);
    const handle = await fleet.start(
      {
        networks: [['DummyT2I', 'DummyI2T']],
        prompts: ['a lighthouse'],
        seeds: [-1],
        embedding_models: [],
        max_length: 1_000_000,
      },
      'at-the-limit',
    );
    await untilInvocations(data, 20);

    group.enter(worker.process.pid!);
    // Makes the kernel end this process first, and not the other one of the group.
    writeFileSync(`/proc/${worker.process.pid}/oom_score_adj`, '1000');
    const { command, args } = group.within(process.execPath, ['-e', NEIGHBOUR]);
    neighbour = spawn(command, args, { stdio: 'ignore', env: { ...process.env, ...ownMark() } });
    await worker.ended;
    expect(worker.process.signalCode).toBe('SIGKILL');
    // It may have ended the other one afterwards.
    expect(group.endedForMemory()).toBeGreaterThan(0);

    const told = invocationCount(data);
    await fleet.worker(['--queues', 'gpu']);
    await untilInvocations(data, told + 100);
    await handle.terminate();
    expect(await violations(data)).toEqual([]);
  },
);
