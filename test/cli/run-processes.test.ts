import { afterAll, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processTree } from '../../bench/common/process-tree.js';
import { decideDevice } from '../../models/index.js';
import { cleanUp, folderWith, runInfo, startPanicTda } from '../support/cli-process.js';
import { runJson } from '../support/standing-program.js';
import { type Door, documentedDoors, doorsOf, sortedDoors } from '../support/documented-doors.js';
import { z } from 'zod';
import { describerAt } from '../support/model-server.js';

afterAll(cleanUp);

const linux = process.platform === 'linux';
if (!linux)
  console.warn('skipped: sockets and environments of processes are read in /proc, which is not here');
const onLinux = linux ? test : test.skip;

/** The variables that the user sets. No value is part of another. */
const SECRETS = {
  HF_TOKEN: 'marker-hub',
  AWS_ACCESS_KEY_ID: 'marker-aws-id',
  AWS_SECRET_ACCESS_KEY: 'marker-aws-secret',
  AWS_SESSION_TOKEN: 'marker-aws-session',
  PGPASSWORD: 'marker-postgres',
  PANIC_TDA_SERVER_API_KEY: 'marker-model-server',
  TEMPORAL_API_KEY: 'marker-temporal',
  OPENAI_API_KEY: 'marker-of-another-program',
  HTTPS_PROXY: 'http://user:marker-proxy@127.0.0.1:2',
};

/**
 * For each kind of process (a model runner, a worker, the Temporal server …), the names of the secrets in its
 * environment.
 */
type Held = Record<string, string[]>;

/** What a run shows while a process of its own computes a model. */
interface Seen {
  readonly held: Held;
  readonly doors: readonly Door[];
  readonly workerLog: string;
  readonly status: { readonly deviceRemarks: readonly string[] };
  readonly code: number | null;
  readonly stderr: string;
  readonly folder: string;
  /** From Ctrl-C to the end of the command. */
}

/**
 * Starts a real run and looks at every process below it, also at short-lived ones, until a model runner works. Then
 * stops the run by Ctrl-C.
 */
async function seenOf(catalogue: object): Promise<Seen> {
  const folder = folderWith({
    'catalogue.json': catalogue,
    'experiment.json': {
      networks: [['HostedT2I', 'DummyI2T']],
      prompts: ['slow 3600000'],
      seeds: [1],
      embedding_models: ['Dummy'],
      max_length: 2,
    },
  });
  const data = join(folder, 'panic-tda-data');
  const env = { ...SECRETS, PANIC_TDA_RAM: '1GiB', PANIC_TDA_CATALOGUE: join(folder, 'catalogue.json') };
  const running = startPanicTda(folder, ['run', 'experiment.json'], env);
  const held: Held = {};
  while (!['runner', 'server', 'worker'].every((what) => what in held)) {
    if (running.process.exitCode !== null) throw new Error((await running.ended).stderr);
    for (const { pid, command } of descendants(running.process.pid!)) {
      const environment = read(pid, 'environ');
      // Between fork and exec, a child is still a copy of its parent.
      if (environment === '' || command !== read(pid, 'cmdline') || isCopy(pid, running.process.pid!))
        continue;
      const names = Object.entries(SECRETS).flatMap(([name, value]) =>
        environment.includes(value) ? [name] : [],
      );
      const what = kindOf(command);
      held[what] = [...new Set([...(held[what] ?? []), ...names])].sort();
    }
    await sleep(20);
  }
  const { pid, serverPid, workerPids = [] } = runInfo(data)!;
  const roles = new Map([
    [pid, '`run`'],
    [serverPid!, 'Temporal server'],
    ...workerPids.map((one) => [one, 'worker'] as const),
  ]);
  const doors = processTree(pid).flatMap((one) => doorsOf(roles.get(one.pid) ?? 'model', one.pid));
  const workerLog = readFileSync(join(data, 'logs', 'worker-gpu.log'), 'utf8');
  const status = z.object({ deviceRemarks: z.array(z.string()) }).parse(await runJson(folder, ['status']));
  running.process.kill('SIGINT');
  const { code, stderr } = await running.ended;
  return { folder, held, doors, workerLog, status, code, stderr };
}

let withoutServers: Promise<Seen> | null = null;
/** A run without models of servers. The tests look at one such run. */
async function seen(): Promise<Seen> {
  return await (withoutServers ??= seenOf({ models: [] }));
}

/** The names of the secrets that each kind of process had. */
function secretsIn({ held }: Seen): Held {
  // The look does not always meet a process that asks one question. If it does, that process has no secret.
  const { other = [], ...rest } = held;
  expect(other).toEqual([]);
  return rest;
}

onLinux('what a run opens is what docs/security.md lists, and nothing else', async () => {
  const { doors, stderr } = await seen();
  if (/the ports of 127\.0\.0\.1 that browsers do not open/.test(stderr)) {
    process.stderr.write('not looked at: all ports that browsers do not open are taken\n');
    return;
  }
  const listed = documentedDoors(['`run`', 'Temporal server', 'worker', 'model']);
  expect(listed).toHaveLength(8);
  expect(sortedDoors(doors)).toEqual(sortedDoors(listed));
});

onLinux('no process of a run has a key that it does not use', async () => {
  expect(secretsIn(await seen())).toEqual({ runner: [], server: [], worker: [] });
});

onLinux('Ctrl-C ends a run while a model computes for an hour, and status says interrupted', async () => {
  const { folder, code, stderr } = await seen();
  expect({ code, stderr }).toMatchObject({
    code: 130,
    stderr: expect.stringMatching(/npx panic-tda resume [0-9a-f]{12}" continues/),
  });
  expect(await runJson(folder, ['status'])).toMatchObject({ status: 'interrupted' });
});

onLinux(
  'run, its worker and status name the device of models with files, and why they use no faster one',
  async () => {
    const { device, passedOver } = await decideDevice('auto', false);
    const { stderr, workerLog, status } = await seen();
    expect(status.deviceRemarks[0]).toBe(`HostedT2I: computed on ${device}.`);
    expect(stderr).toContain(`Device:  HostedT2I: computed on ${device}.`);
    expect(workerLog).toContain(`Models with files: computed on ${device}.`);
    for (const { device: passed } of passedOver) {
      for (const told of [stderr, workerLog, status.deviceRemarks.join('\n')]) {
        expect(told).toContain(`${passed} is not used: `);
      }
    }
  },
);

onLinux('the workers alone have the key of model servers, where a model has one', async () => {
  const served = await seenOf({ models: [describerAt('http://127.0.0.1:2', 'image')] });
  expect(served.code).toBe(130);
  expect(secretsIn(served)).toEqual({ runner: [], server: [], worker: ['PANIC_TDA_SERVER_API_KEY'] });
});

function kindOf(command: string): string {
  if (command.includes('process-main')) return 'runner';
  if (command.includes('\0start-dev\0')) return 'server';
  return command.includes('\0worker\0') ? 'worker' : 'other';
}

function descendants(root: number): { pid: number; command: string }[] {
  const parents = new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), Number(/\) \S (\d+) /.exec(read(Number(name), 'stat'))?.[1])]),
  );
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent === root || (parent !== undefined && parent > 1 && isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow).map((pid) => ({ pid, command: read(pid, 'cmdline') }));
}

function isCopy(pid: number, root: number): boolean {
  return read(pid, 'cmdline') === read(root, 'cmdline');
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // The process has ended.
    return '';
  }
}
