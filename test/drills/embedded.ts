import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { builtVersion, type BuiltVersion } from '../support/built-version.js';
import { until } from '../support/child-processes.js';
import { killAll, processesOf, runInfo, startEmbeddedRun } from '../support/embedded-run.js';
import type { EmbeddedRun } from '../support/embedded-run.js';
import { gateIn } from '../support/gate.js';
import { readJson } from '../support/json.js';
import { experimentFile } from '../support/laboratory.js';
import { sideBySide } from '../support/side-by-side.js';
import { digestOf, invocationCount, violations, withStore } from '../support/store-checks.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { undisturbedDigest } from '../support/undisturbed.js';
import { CLI } from '../support/worker-process.js';

/** Two runs, which end only after the drill has opened the gate. */
const EXPERIMENT = {
  networks: [['DummyT2I', 'GatedI2T']],
  prompts: ['a lighthouse in fog', 'two hares on a hill'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 60,
  on_cycle: 'continue',
  reuse: false,
};

const INVOCATIONS_BEFORE_A_DISASTER = 4;

interface Disaster {
  readonly name: string;
  /** Kills processes while the experiment is under way. */
  readonly strike: (data: string, run: EmbeddedRun) => Promise<void> | void;
  /** The command that continues the experiment. Absent: the command that was struck continues it. */
  readonly continuedBy?: 'run FILE' | 'resume ID';
  /** Whether a later version of the program runs that command. */
  readonly upgraded?: true;
}

async function killEverything(data: string): Promise<void> {
  killAll(processesOf(data));
  await until('everything is gone', () => processesOf(data).length === 0);
}

const SUPERVISOR: Disaster = {
  name: 'SIGKILL of the supervisor',
  strike: (_data, run) => killAll([run.pid]),
  continuedBy: 'run FILE',
};
const STATE: Disaster = {
  name: 'SIGKILL of everything and deletion of the Temporal state',
  strike: async (data) => {
    await killEverything(data);
    rmSync(join(data, 'temporal'), { recursive: true });
  },
  continuedBy: 'resume ID',
};
const UPGRADE: Disaster = {
  name: 'SIGKILL of everything at once and an upgrade to other workflow code',
  strike: (data) => killAll(processesOf(data)),
  continuedBy: 'run FILE',
  upgraded: true,
};
/** The last one of the day, so that the other code completes what the present code began. */
const SUCCESSOR: Disaster = {
  ...SUPERVISOR,
  name: 'SIGKILL of the supervisor and an upgrade to other workflow code',
  upgraded: true,
};
const SERVER: Disaster = {
  name: 'SIGKILL of the Temporal server',
  strike: (data) => killAll([runInfo(data).serverPid]),
};
const WORKERS: Disaster = {
  name: 'SIGKILL of both workers',
  strike: (data) => killAll(runInfo(data).workerPids!),
};

/** By day, one experiment meets the disasters one after another. By night, each has an experiment of its own. */
const SERIES: Readonly<Record<'day' | 'night', readonly (readonly Disaster[])[]>> = {
  day: [[STATE, SUCCESSOR]],
  night: [[SERVER], [WORKERS], [SUPERVISOR], [STATE], [UPGRADE]],
};

interface Outcome {
  readonly status: string;
  readonly digest: string;
  readonly violations: readonly string[];
  /** Processes of the data folder after the last command has ended. */
  readonly left: readonly number[];
  /** Standard error of the commands that continued the experiment, by the disaster before them. */
  readonly said: ReadonlyMap<string, string>;
}

function folderOf(series: readonly Disaster[]): string {
  return join(root, namesOf(series).replaceAll(/\W+/g, '-'));
}

function namesOf(series: readonly Disaster[]): string {
  return series.map(({ name }) => name).join(', then ');
}

async function drill(series: readonly Disaster[]): Promise<Outcome> {
  const folder = folderOf(series);
  const data = join(folder, 'data');
  mkdirSync(folder);
  const file = experimentFile(folder, 'experiment', EXPERIMENT);
  const gate = gateIn(folder);
  const said = new Map<string, string>();
  let run = startEmbeddedRun(data, ['run', file], CLI, gate.env);
  for (const [index, { name, strike, continuedBy, upgraded }] of series.entries()) {
    const enough = invocationCount(data) + INVOCATIONS_BEFORE_A_DISASTER;
    await until(
      `${data} has ${enough} invocations`,
      gate.lettingThrough(() => invocationCount(data) >= enough),
    );
    await strike(data, run);
    if (index === series.length - 1) gate.open();
    if (continuedBy === undefined) continue;
    expect((await run.ended).code).toBeNull();
    const command = continuedBy === 'run FILE' ? ['run', file] : ['resume', await idIn(data)];
    run = startEmbeddedRun(data, command, upgraded ? later.main : CLI, gate.env);
    void run.ended.then(({ stderr }) => said.set(name, stderr));
  }
  const { code, stdout, stderr } = await run.ended;
  if (code !== 0) throw new Error(`ended with code ${code}:\n${stderr}`);
  const { experiment, status } = readJson(stdout, z.object({ experiment: z.string(), status: z.string() }));
  const left = processesOf(data);
  return {
    status,
    digest: await digestOf(data, experiment),
    violations: await violations(data),
    left,
    said,
  };
}

/** The id of the only experiment. */
function idIn(data: string): Promise<string> {
  return withStore(data, async ({ experiments }) => (await experiments.list())[0]!.id);
}

/** The later version asks for a patch before each step. Runs that began before it have not met this patch. */
const patched = (code: string): string =>
  code.replace(
    'advanced = await hold.whileFree(',
    (step) => `(0,_temporalio_workflow__WEBPACK_IMPORTED_MODULE_0__.patched)('another-step'); ${step}`,
  );

let root: string;
let later: BuiltVersion;
let outcome: (names: string) => Promise<Outcome>;

/** Makes a test for each series of disasters of the day, or of the night. */
export function testDisasters(time: 'day' | 'night'): void {
  const all = SERIES[time];

  beforeAll(() => {
    root = sharedTemporaryFolder();
    later = builtVersion({ version: '9.0.0', workflows: patched });
    outcome = sideBySide(
      2,
      all.map((series) => ({ name: namesOf(series), task: () => drill(series) })),
    );
  });

  afterAll(() => {
    // Ends what a failed drill left running.
    for (const series of all) killAll(processesOf(join(folderOf(series), 'data')));
    later.remove();
  });

  test.each(all.map((series) => ({ names: namesOf(series) })))(
    'after $names under `panic-tda run` every row is right and no process is left',
    async ({ names }) => {
      const struck = await outcome(names);
      const digest = await undisturbedDigest(EXPERIMENT);
      expect(struck).toMatchObject({ status: 'completed', digest, violations: [], left: [] });
    },
  );

  if (time === 'day') {
    test('a run ends a server that outlived its supervisor, and names it', async () => {
      const { said } = await outcome(namesOf(all[0]!));
      expect(said.get(SUCCESSOR.name)).toMatch(/A Temporal server \(process \d+\) had outlived/);
    });
  }
}
