import { afterAll, expect, jest, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describerAt } from '../support/model-server.js';
import { cleanUp, folderWith, runInfo, startPanicTda } from '../support/cli-process.js';

jest.setTimeout(300_000);
afterAll(cleanUp);

const linux = process.platform === 'linux';
if (!linux) console.warn('skipped: environments of processes are read in /proc, which is not here');
const testOnLinux = linux ? test : test.skip;

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
  HTTPS_PROXY: 'http://user:marker-proxy@127.0.0.1:9',
};

/**
 * For each kind of process (a model runner, a worker, the Temporal server …), the names of the secrets in its
 * environment.
 */
type Held = Record<string, string[]>;

testOnLinux('no process of a run has a key that it does not use', async () => {
  expect(await secretsHeld({ models: [] })).toEqual({ runner: [], server: [], worker: [] });
});

testOnLinux('the workers alone have the key of model servers, where a model has one', async () => {
  expect(await secretsHeld({ models: [describerAt('http://127.0.0.1:9', 'image')] })).toEqual({
    runner: [],
    server: [],
    worker: ['PANIC_TDA_SERVER_API_KEY'],
  });
});

/**
 * Starts a real run and looks at every process below it, also at short-lived ones, until a model runner works.
 */
async function secretsHeld(catalogue: object): Promise<Held> {
  const folder = folderWith({
    'catalogue.json': catalogue,
    'experiment.json': {
      networks: [['HostedT2I', 'DummyI2T']],
      prompts: ['slow 60000'],
      seeds: [1],
      embedding_models: ['Dummy'],
      max_length: 2,
    },
  });
  const running = startPanicTda(folder, ['run', 'experiment.json', '--device', 'cpu'], {
    ...SECRETS,
    PANIC_TDA_CATALOGUE: join(folder, 'catalogue.json'),
  });
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
  expect(runInfo(join(folder, 'panic-tda-data'))).not.toBeNull();
  running.process.kill('SIGINT');
  expect((await running.ended).code).toBe(130);
  // This does not always meet a process that asks one question. If it does, that process has no secret.
  const { other = [], ...rest } = held;
  expect(other).toEqual([]);
  return rest;
}

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
