import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectStoreReadonly, contentDigest, MANIFEST_FILE } from '../../db/index.js';
import type { BackupManifest, Store, StorePlace } from '../../db/index.js';
import { CommandError } from '../../bench/common/command.js';

/** What the steps of a proof need. */
export interface Proof {
  /** Contains everything that the proof makes. */
  readonly folder: string;
  /** The experiment file, and the id of the experiment. */
  readonly file: string;
  readonly id: string;
  /** Content digest of the undisturbed experiment. */
  readonly digest: string;
  readonly invocations: number;
  readonly env: NodeJS.ProcessEnv;
  /** Compiled command line. */
  readonly main: string;
  readonly say: (line: string) => void;
}

/** The environment of this process without the user's settings for panic-tda. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(PANIC_TDA_(?!CACHE|TEMPORAL_CLI)|TEMPORAL_|AWS_)/.test(name),
  );
  return {
    ...Object.fromEntries(inherited),
    PANIC_TDA_DEVICE: 'cpu',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

/** Runs the experiment of a file in a data folder of its own, without disturbance. */
export async function runUndisturbed(
  program: Pick<Proof, 'main' | 'env' | 'say'>,
  folder: string,
  file: string,
): Promise<Pick<Proof, 'id' | 'digest' | 'invocations'>> {
  const place = { folder: join(folder, 'undisturbed'), database: null };
  await timed(program.say, 'the undisturbed run', () =>
    panicTda(program, ['run', file, '--data', place.folder]),
  );
  const [id] = await experimentsIn(place);
  if (id === undefined) throw new CommandError('the undisturbed run stored no experiment');
  return { id, digest: await digestIn(place, id), invocations: await invocationsIn(place, id) };
}

/**
 * Runs a program to its end; returns what it printed. Throws a CommandError with its last lines if its exit
 * code is not `code`.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  code = 0,
): Promise<string> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ending = await new Promise<number | string | null>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', resolve);
  });
  if (ending === code) return output;
  const lines = output.trimEnd().split('\n').slice(-12).join('\n');
  throw new CommandError(
    `${[program, ...args].join(' ')} ended with ${ending} instead of ${code}:\n${lines}`,
  );
}

/** Runs `panic-tda …` in the same way. */
export async function panicTda(
  { main, env }: Pick<Proof, 'main' | 'env'>,
  words: readonly string[],
  variables: NodeJS.ProcessEnv = {},
  code = 0,
): Promise<string> {
  return await runProgram(process.execPath, [main, ...words], { ...env, ...variables }, code);
}

/** Runs the experiment until a third of its invocations is stored, then stops it as Ctrl-C does. */
export async function runToAThird(
  proof: Proof,
  place: StorePlace,
  variables: NodeJS.ProcessEnv = {},
): Promise<void> {
  const run = started(proof, proof.file, place, variables);
  await until('a third of the invocations is stored', run, async () => {
    return (await invocationsIn(place, proof.id)) >= proof.invocations / 3;
  });
  await end(run, 'SIGINT');
  const stored = await invocationsIn(place, proof.id);
  if (stored < proof.invocations) return;
  throw new CommandError('the run had ended before it could be stopped; give more --runs or --length');
}

/** An experiment without an end, which writes while copies are made. */
export interface Load {
  readonly id: string;
  /** Throws a CommandError unless it has gone on since a copy that has `copied` of its invocations. */
  requireBeyond(copied: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startLoad(
  proof: Proof,
  place: StorePlace,
  variables: NodeJS.ProcessEnv = {},
): Promise<Load> {
  const file = writeExperiment(join(proof.folder, 'load'), 1, LOAD_LENGTH, LOAD_SEED);
  const run = started(proof, file, place, variables);
  let id = '';
  await until('the load is under way', run, async () => {
    id = (await experimentsIn(place)).find((one) => one !== proof.id) ?? '';
    return id !== '' && (await invocationsIn(place, id)) > 0;
  });
  return {
    id,
    async requireBeyond(copied) {
      if (copied === 0) throw new CommandError('the copy has nothing of the load');
      await until('the load goes on', run, async () => (await invocationsIn(place, id)) > copied);
    },
    stop: () => end(run, 'SIGINT'),
  };
}

const LOAD_LENGTH = 1_000_000;
const LOAD_SEED = 1000;

function started({ main, env }: Proof, file: string, { folder }: StorePlace, variables: NodeJS.ProcessEnv) {
  return spawn(process.execPath, [main, 'run', file, '--data', folder], {
    env: { ...env, ...variables },
    stdio: 'ignore',
  });
}

/** Throws a CommandError if the process ends before the condition holds. */
async function until(what: string, child: ChildProcess, holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) {
    if (child.exitCode !== null)
      throw new CommandError(`the run ended with ${child.exitCode} before ${what}`);
    await sleep(200);
  }
}

async function reading<T>(place: StorePlace, use: (store: Store) => Promise<T>, otherwise: T): Promise<T> {
  const store = await connectStoreReadonly(place).catch(() => null);
  if (store === null) return otherwise;
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

function experimentsIn(place: StorePlace): Promise<readonly string[]> {
  return reading(place, async (store) => (await store.experiments.list()).map(({ id }) => id), []);
}

/** 0 if there is no such experiment yet. */
export function invocationsIn(place: StorePlace, id: string): Promise<number> {
  return reading(place, async (store) => (await store.summaries.progress(id)).invocations, 0);
}

/** Throws a CommandError if an experiment differs from the undisturbed one. */
export async function requireEqual({ id, digest }: Proof, place: StorePlace, what: string): Promise<void> {
  const found = await digestIn(place, id);
  if (found !== digest) throw new CommandError(`${what}: its content is ${found} instead of ${digest}`);
}

async function digestIn(place: StorePlace, id: string): Promise<string> {
  const store = await connectStoreReadonly(place);
  if (store === null) throw new CommandError(`${place.folder} holds nothing`);
  try {
    return await contentDigest(store.db, id);
  } finally {
    await store.close();
  }
}

/** Prints how long the work took. */
export async function timed<T>(say: Proof['say'], what: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await work();
  say(`  ${what}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return result;
}

export function bytesIn(folder: string): number {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const found = names.map((name) => statSync(join(folder, name))).filter((stats) => stats.isFile());
  return found.reduce((total, { size }) => total + size, 0);
}

export function writeExperiment(folder: string, runs: number, length: number, seed = 1): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'experiment.json');
  const experiment = {
    networks: [['DummyT2I', 'SlowI2T']],
    prompts: ['a lighthouse in fog'],
    seeds: Array.from({ length: runs }, (_, index) => seed + index),
    embedding_models: ['Dummy'],
    max_length: length,
    on_cycle: 'continue',
    // One run after the other: each second step takes a tenth of a second.
    concurrency: 1,
  };
  writeFileSync(file, JSON.stringify(experiment));
  return file;
}

export function readManifest(folder: string): BackupManifest {
  return JSON.parse(readFileSync(join(folder, MANIFEST_FILE), 'utf8'));
}

/** Ends a process, and waits until it is gone. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await gone;
}
