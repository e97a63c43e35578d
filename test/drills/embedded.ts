import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { builtVersion, type BuiltVersion } from '../support/built-version.js';
import { experimentFile } from '../support/laboratory.js';
import { sideBySide } from '../support/side-by-side.js';
import { digestOf, untilInvocations, violations } from '../support/store-checks.js';
import { CLI } from '../support/worker-process.js';
import { until } from '../support/child-processes.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { killAll, processesOf, runInfo, startEmbeddedRun } from '../support/embedded-run.js';
import type { EmbeddedRun } from '../support/embedded-run.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';

/** Four runs of 15 calls of 100 ms each, two at a time: the drill has three seconds to kill something. */
const EXPERIMENT = {
  networks: [['DummyT2I', 'SlowI2T']],
  prompts: ['a lighthouse in fog', 'two hares on a hill'],
  seeds: [3, 7],
  embedding_models: ['Dummy'],
  max_length: 30,
  on_cycle: 'continue',
  reuse: false,
};

const INVOCATIONS_BEFORE_THE_DISASTER = 30;

interface Disaster {
  readonly name: string;
  /** Whether the drill belongs to `npm test`, to `npm run test:night`, or to both. */
  readonly when: 'day' | 'night' | 'always';
  /** Kills processes while the experiment is under way. */
  readonly strike: (data: string, run: EmbeddedRun) => Promise<void> | void;
  /** The command that completes the experiment. Absent: the first command completes it. */
  readonly completedBy?: 'run FILE' | 'resume ID';
  /** Whether a later version of the program runs that command. */
  readonly upgraded?: true;
}

/** 'nothing' is always there, since every drill is compared with an undisturbed run. */
const DISASTERS: readonly Disaster[] = [
  { name: 'nothing', when: 'always', strike: () => undefined },
  {
    name: 'SIGKILL of the Temporal server',
    when: 'night',
    strike: (data) => killAll([runInfo(data).serverPid]),
  },
  {
    name: 'SIGKILL of both workers',
    when: 'night',
    strike: (data) => killAll(runInfo(data).workerPids!),
  },
  {
    name: 'SIGKILL of the supervisor',
    when: 'day',
    strike: (_data, run) => killAll([run.pid]),
    completedBy: 'run FILE',
  },
  {
    name: 'SIGKILL of everything at once, and an upgrade to other workflow code',
    when: 'day',
    strike: (data) => killAll(processesOf(data)),
    completedBy: 'run FILE',
    upgraded: true,
  },
  {
    name: 'SIGKILL of everything and deletion of the Temporal state',
    when: 'day',
    strike: async (data) => {
      killAll(processesOf(data));
      await until('everything is gone', () => processesOf(data).length === 0);
      rmSync(join(data, 'temporal'), { recursive: true });
    },
    completedBy: 'resume ID',
  },
];

interface Outcome {
  readonly data: string;
  readonly experiment: string;
  readonly digest: string;
  readonly violations: readonly string[];
  /** Processes of the data folder after the last command has ended. */
  readonly left: readonly number[];
  readonly stderr: string;
}

async function drill({ name, strike, completedBy, upgraded }: Disaster): Promise<Outcome> {
  const folder = join(root, name.replaceAll(' ', '-'));
  const data = join(folder, 'data');
  mkdirSync(folder);
  const file = experimentFile(folder, 'experiment', EXPERIMENT);
  let run = startEmbeddedRun(data, ['run', file]);
  await untilInvocations(data, INVOCATIONS_BEFORE_THE_DISASTER);
  await strike(data, run);
  if (completedBy !== undefined) {
    expect((await run.ended).code).toBeNull();
    const command =
      completedBy === 'run FILE' ? ['run', file] : ['resume', (await outcome('nothing')).experiment];
    run = startEmbeddedRun(data, command, upgraded ? later.main : CLI);
  }
  const { code, stdout, stderr } = await run.ended;
  if (code !== 0) throw new Error(`ended with code ${code}:\n${stderr}`);
  const { experiment, status } = readJson(stdout, z.object({ experiment: z.string(), status: z.string() }));
  expect(status).toBe('completed');
  const left = processesOf(data);
  return {
    data,
    experiment,
    digest: await digestOf(data, experiment),
    violations: await violations(data),
    left,
    stderr,
  };
}

/** The later version asks for a patch before each step. Runs that began before it have not met this patch. */
const patched = (code: string): string =>
  code.replace(
    'advanced = await hold.whileFree(',
    (step) => `(0,_temporalio_workflow__WEBPACK_IMPORTED_MODULE_0__.patched)('another-step'); ${step}`,
  );

let root: string;
let later: BuiltVersion;
let outcome: (name: string) => Promise<Outcome>;

/** Makes a test for each disaster of the day, or of the night. */
export function testDisasters(time: 'day' | 'night'): void {
  const disasters = DISASTERS.filter(({ when }) => when === time || when === 'always');

  beforeAll(() => {
    root = sharedTemporaryFolder();
    later = builtVersion({ version: '9.0.0', workflows: patched });
    outcome = sideBySide(
      2,
      disasters.map((disaster) => ({ name: disaster.name, task: () => drill(disaster) })),
    );
  });

  afterAll(() => {
    // Ends what a failed drill left running.
    for (const { name } of disasters) killAll(processesOf(join(root, name.replaceAll(' ', '-'), 'data')));
    later.remove();
  });

  test.each(disasters)(
    'after $name under `panic-tda run` every row is right and no process is left',
    async ({ name }) => {
      const undisturbed = await outcome('nothing');
      const struck = await outcome(name);
      expect(struck.violations).toEqual([]);
      expect(struck.digest).toBe(undisturbed.digest);
      expect(struck.left).toEqual([]);
    },
  );
}

/** The standard error of the last command after the disaster `name`. */
export async function saidAfter(name: string): Promise<string> {
  return (await outcome(name)).stderr;
}
