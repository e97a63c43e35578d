/**
 * Measures what it costs to look at, reuse, merge and delete long runs and wide experiments, on stores that
 * it makes:
 *
 *   node dist/bench/large.js [--steps 150000] [--runs 200000] [--merged 100000] [--rounds 3] [--baseline FOLDER] [--out bench/large.md]
 *
 * Each measurement is a process of its own. It takes turns with a built older version (`--baseline`, the
 * folder with its `dist`), which has stores of its own. SQLite, in temporary folders. Linux only.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { count } from '../cli/terminal/format.js';
import { experimentId } from '../experiment/ids.js';
import { CommandError, runCommand } from './common/command.js';
import { callsExperiment, longExperiment, wideExperiment } from './large/stores.js';
import type { Use } from './large/use.js';
import { describeMachine } from './common/machine.js';
import { markdownTable, significant } from './common/markdown.js';

const PROBE = fileURLToPath(new URL('large/probe.js', import.meta.url));
const PROGRAM = fileURLToPath(new URL('large/program.js', import.meta.url));
const OWN = fileURLToPath(new URL('../', import.meta.url));

interface Sizes {
  readonly steps: number;
  readonly runs: number;
  readonly merged: number;
}

interface Build {
  readonly name: string;
  /** The folder `dist` of the build. */
  readonly dist: string;
  /** The folder of its stores. */
  readonly folder: string;
}

interface Task {
  readonly what: string;
  /** Arguments of node. */
  readonly args: (build: Build, round: number) => readonly string[];
  readonly exitCodes?: readonly number[];
}

const cli = (build: Build, store: string, ...args: string[]): string[] => [
  join(build.dist, 'cli/main.js'),
  ...args,
  '--data',
  join(build.folder, store),
];
const program = (build: Build, what: string, store: string, size = 0): string[] => [
  PROGRAM,
  build.dist,
  what,
  join(build.folder, store),
  String(size),
];

function tasks({ steps, runs, merged }: Sizes): Task[] {
  const long = experimentId(longExperiment(steps));
  const wide = experimentId(wideExperiment(runs));
  const calls = experimentId(callsExperiment(steps));
  return [
    { what: 'a store is opened', args: (build) => program(build, 'open', 'long') },
    { what: '`list`, which starts the command line', args: (build) => cli(build, 'long', 'list') },
    {
      what: `vectors for ${count(steps)} outputs, which are all there (\`pending\`, \`reuse\`)`,
      args: (build, round) => program(build, 'reuse', `reuse-${round}`),
    },
    { what: `end summary of ${count(runs)} runs`, args: (build) => program(build, 'summary', 'wide') },
    { what: `\`show ID\` of ${count(runs)} runs`, args: (build) => cli(build, 'wide', 'show', wide) },
    {
      what: `\`show ID --json\` of ${count(runs)} runs`,
      args: (build) => cli(build, 'wide', 'show', wide, '--json'),
    },
    {
      what: `\`show ID RUN\` of ${count(steps)} steps`,
      args: (build) => cli(build, 'long', 'show', long, '0'),
    },
    {
      what: `\`verify --sample 20\` of ${count(steps)} steps`,
      args: (build) => cli(build, 'calls', 'verify', calls, '--sample', '20'),
      // No model made the stored outputs, so `verify` finds differences.
      exitCodes: [1],
    },
    {
      what: `\`merge\` of ${count(merged)} steps into an empty store`,
      args: (build, round) => cli(build, `merged-${round}`, 'merge', join(build.folder, 'source')),
    },
    {
      what: `\`plan\` beside ${count(steps)} steps`,
      args: (build) => cli(build, 'calls', 'plan', join(build.folder, 'plan.json')),
    },
    {
      what: `preview of \`delete\` of ${count(steps)} steps`,
      args: (build) => program(build, 'preview', 'long'),
    },
  ];
}

/** Runs node with the probe. Throws CommandError if it ends with another code. */
async function measure(
  args: readonly string[],
  folder: string,
  exitCodes: readonly number[] = [0],
): Promise<Use> {
  const file = join(folder, 'use.json');
  const child = spawn(process.execPath, ['--import', PROBE, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LARGE_BENCH_PROBE: file },
  });
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const code = await new Promise<number | null>((done, fail) => {
    child.once('error', fail);
    child.once('close', done);
  });
  if (code === null || !exitCodes.includes(code)) {
    throw new CommandError(`node ${args.join(' ')} ended with ${code}:\n${said.trimEnd().slice(-2000)}`);
  }
  return JSON.parse(readFileSync(file, 'utf8'));
}

async function makeStores(build: Build, { steps, runs, merged }: Sizes, rounds: number): Promise<void> {
  mkdirSync(build.folder);
  const make = (what: string, store: string, size: number): Promise<Use> =>
    measure(program(build, what, store, size), build.folder);
  await make('make-long', 'long', steps);
  await make('make-wide', 'wide', runs);
  await make('make-calls', 'calls', steps);
  await make('make-long', 'source', merged);
  for (let round = 0; round < rounds; round++) await make('make-long', `reuse-${round}`, steps);
  const experiment = {
    networks: [['DummyT2I', 'DummyI2T']],
    prompts: ['the sea'],
    seeds: [-1],
    embedding_models: ['Dummy'],
    max_length: 100,
  };
  writeFileSync(join(build.folder, 'plan.json'), JSON.stringify(experiment));
}

const FIGURES = [
  ['wall, s', ({ wallMs }: Use) => wallMs / 1000],
  ['CPU, s', ({ cpuMs }: Use) => cpuMs / 1000],
  ['longest hold, ms', ({ holdMs }: Use) => holdMs],
  ['RSS growth, MiB', ({ rssMiB }: Use) => rssMiB],
] as const;

function rowOf(what: string, build: Build, uses: readonly Use[]): string[] {
  const median = (of: (use: Use) => number): number =>
    uses.map(of).toSorted((a, b) => a - b)[Math.floor(uses.length / 2)]!;
  return [what, build.name, ...FIGURES.map(([, of]) => significant(median(of)))];
}

function page(
  rows: readonly string[][],
  rounds: number,
  load: readonly [string, string],
  names: string,
): string {
  const { cores, processor, memoryGiB, versions, date } = describeMachine('python3', []);
  return `# What long runs and wide experiments cost

Made by \`node dist/bench/large.js\` ([how](../docs/scaling.md#measure-it-yourself)), on ${date}: ${cores} cores (${processor}), ${memoryGiB} GiB,
${versions.join(', ')}. Load of the machine (of one minute) before and after: ${load.join(' and ')}; above ${cores} other work took its turns,
and wall times and holds are too large.

Stores on SQLite, written by SQL and without diagrams. Each line is a process from its start to its end, output thrown away; the first
lines are what starting costs. ${rounds === 1 ? 'One round' : `Medians of ${rounds} rounds`}${names === '' ? '' : `, by turns: ${names}`}. Longest hold: the longest time
in which the event loop took no turn, so that heartbeats of the process wait. RSS growth: from before the program's first line to the
most that it had.

${markdownTable(['what', 'version', ...FIGURES.map(([title]) => title)], rows, 2)}
`;
}

/** The commit of an older build, if it is under git. */
function versionIn(folder: string): string {
  const git = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: folder, encoding: 'utf8' });
  return git.status === 0 ? `an older one (${git.stdout.trim()})` : 'an older one';
}

await runCommand(async () => {
  const { values } = parseArgs({
    options: {
      steps: { type: 'string', default: '150000' },
      runs: { type: 'string', default: '200000' },
      merged: { type: 'string', default: '100000' },
      rounds: { type: 'string', default: '3' },
      baseline: { type: 'string' },
      out: { type: 'string' },
    },
  });
  const sizes = { steps: Number(values.steps), runs: Number(values.runs), merged: Number(values.merged) };
  const rounds = Number(values.rounds);
  for (const [name, value] of Object.entries({ ...sizes, rounds })) {
    if (!Number.isInteger(value) || value < 1) throw new CommandError(`--${name} is a number of at least 1`);
  }
  const root = mkdtempSync(join(tmpdir(), 'panic-tda-large-'));
  try {
    const builds: Build[] = [{ name: 'this', dist: OWN, folder: join(root, 'this') }];
    if (values.baseline !== undefined) {
      builds.unshift({ name: 'older', dist: resolve(values.baseline, 'dist'), folder: join(root, 'older') });
    }
    for (const build of builds) await makeStores(build, sizes, rounds);
    const before = loadavg()[0]!.toFixed(1);
    const rows: string[][] = [];
    for (const { what, args, exitCodes } of tasks(sizes)) {
      const uses = new Map<Build, Use[]>(builds.map((build) => [build, []]));
      for (let round = 0; round < rounds; round++) {
        for (const [build, list] of uses)
          list.push(await measure(args(build, round), build.folder, exitCodes));
      }
      for (const [build, list] of uses) {
        rows.push(rowOf(what, build, list));
        console.log(rows.at(-1)!.join('  '));
      }
    }
    const load = [before, loadavg()[0]!.toFixed(1)] as const;
    const text = page(
      rows,
      rounds,
      load,
      values.baseline === undefined ? '' : `this version, and ${versionIn(values.baseline)}`,
    );
    if (values.out === undefined) console.log(`\n${text}`);
    else writeFileSync(values.out, text);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
