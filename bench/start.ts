import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CommandError, runCommand } from './common/command.js';
import { fillStore } from './doctor/synthetic-store.js';
import { markdownTable } from './common/markdown.js';

/**
 * CPU time that commands take to start and to answer, beside `node` without a program, in turns in one
 * session, so that other work of the machine disturbs all of them alike: `node dist/bench/start.js [--rounds
 * 25] [--baseline CLONE]` after `npm run build`. Prints the median of user and system time of the whole
 * process, in milliseconds, beside that of another built clone.
 */

const OWN = fileURLToPath(new URL('../../', import.meta.url));

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a'],
  seeds: [1],
  embedding_models: ['Dummy'],
  max_length: 10,
};

const COMMANDS = [
  '--version',
  '--help',
  'list',
  'status',
  'show ID',
  'models',
  'plan FILE',
  'completion bash',
];

/**
 * Seconds of user and system time of a process and its children, plus those of the shell that waits for it.
 */
function cpuSeconds(args: readonly string[]): number {
  const script = 'TIMEFORMAT="%U %S"; time "$@" >/dev/null 2>&1';
  const { stderr, error, status } = spawnSync('bash', ['-c', script, 'bash', process.execPath, ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new CommandError(`node ${args.join(' ')} ended with ${status}`);
  const times = stderr.trim().split(' ').map(Number);
  if (error !== undefined || times.length !== 2 || times.some(Number.isNaN)) {
    throw new CommandError(`bash cannot measure a process: ${error?.message ?? stderr}`);
  }
  return times[0]! + times[1]!;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

interface Candidate {
  readonly command: string;
  readonly build: number;
  readonly args: readonly string[];
  readonly seconds: number[];
}

async function measure(rounds: number, clones: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-bench-'));
  try {
    const data = join(folder, 'data');
    await fillStore(data, 20);
    const file = join(folder, 'experiment.json');
    writeFileSync(file, JSON.stringify(EXPERIMENT));
    const id = idIn(data);
    const candidates: Candidate[] = clones.flatMap((clone, build) => [
      { command: 'node -e 0', build, args: ['-e', '0'], seconds: [] },
      ...COMMANDS.map((command) => {
        const words = command.split(' ').map((word) => ({ ID: id, FILE: file })[word] ?? word);
        const place = /^(-|completion)/.test(command) ? [] : ['--data', data];
        return {
          command,
          build,
          args: [join(clone, 'bin', 'panic-tda.mjs'), ...words, ...place],
          seconds: [],
        };
      }),
    ]);
    // The first round does not count: it brings the files into memory.
    for (let round = 0; round <= rounds; round++) {
      for (const { args, seconds } of candidates) {
        const taken = cpuSeconds(args);
        if (round > 0) seconds.push(taken);
      }
    }
    const rows = ['node -e 0', ...COMMANDS].map((command) => [
      `\`${command}\``,
      ...clones.map((_, build) => {
        const of = candidates.find((one) => one.command === command && one.build === build)!;
        return (1000 * median(of.seconds)).toFixed(0);
      }),
    ]);
    const titles = ['this build, ms', ...(clones.length > 1 ? ['baseline, ms'] : [])];
    return markdownTable(['command', ...titles], rows, 1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The only experiment of a data folder. */
function idIn(data: string): string {
  const main = join(OWN, 'bin', 'panic-tda.mjs');
  const list = execFileSync(process.execPath, [main, 'list', '--json', '--data', data], { encoding: 'utf8' });
  const id = /"[0-9a-f]{12}"/.exec(list)?.[0];
  if (id === undefined) throw new Error(`no experiment in ${list}`);
  return JSON.parse(id);
}

await runCommand(async () => {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '25' }, baseline: { type: 'string' } },
  });
  const rounds = Number(values.rounds);
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    throw new CommandError('--rounds can be a whole number above 0');
  }
  const clones = [OWN, ...(values.baseline === undefined ? [] : [resolve(values.baseline)])];
  for (const clone of clones) {
    if (!existsSync(join(clone, 'dist', 'cli', 'main.js')))
      throw new CommandError(`${clone} is no built clone`);
  }
  console.log(await measure(rounds, clones));
  console.log(
    `\nMedians of ${rounds} rounds; ${availableParallelism()} cores, ${cpus()[0]?.model.trim()}, Node.js ${process.versions.node}.`,
  );
});
