import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bytesIn, invocationsIn, runProgram } from '../backup/steps.js';
import { CommandError } from '../../bench/common/command.js';
import type { GatedModel } from './gated-model.js';
import { settingsWith, type Block, type Setting } from './page.js';
import { buildsOfRuns, routingOf } from './service.js';
import type { Ground, Watched } from './stage.js';
import { startWorker, type StartedWorker } from './workers.js';

/** A fleet in the course of a rehearsal. */
export interface Rehearsal {
  readonly ground: Ground;
  /** The first block of the page. */
  readonly settings: string;
  /** The values that are known so far. */
  readonly values: Partial<Record<Setting, string>>;
  readonly gate: GatedModel;
  readonly watched: Watched;
  readonly experiment: string;
  readonly runs: number;
  readonly say: (line: string) => void;
  /** Migrations that the new version adds. */
  readonly migrations: readonly string[];
  old: readonly StartedWorker[];
  new: readonly StartedWorker[];
}

type Version = 'old' | 'new';

/** Carries out a step of the page. Throws a CommandError if a claim of the page does not hold. */
type Act = (rehearsal: Rehearsal, block: Block) => Promise<void>;

const WITHIN_MS = 120_000;

/** The steps of the page, in order. */
export const STEPS: Readonly<Record<string, Act>> = {
  'A fleet, step 1': async (rehearsal, block) => {
    const said = await runBlock(rehearsal, block, 1);
    for (const name of rehearsal.migrations) requireWord(block, said, `${name} (adds)`);
    for (const { pid } of rehearsal.old) requireWord(block, said, `panic-tda ${pid}@`);
  },
  'A fleet, step 2': async (rehearsal, block) => {
    await runBlock(rehearsal, block);
    const backup = rehearsal.values.BACKUP!;
    if (!existsSync(join(backup, 'before.dump'))) throw new CommandError(`${block.step} left no dump`);
    if (bytesIn(join(backup, 'objects')) === 0) throw new CommandError(`${block.step} copied no picture`);
  },
  'A fleet, step 3': async (rehearsal, block) => {
    requireWord(block, await runBlock(rehearsal, block), rehearsal.experiment);
    await until('every old worker remarks that the tables are newer', async () => {
      const all = await Promise.all(rehearsal.old.map((worker) => worker.ready()));
      return all.every(
        ({ status, remarks }) => status === 200 && remarks.some((text) => /newer panic-tda/.test(text)),
      );
    });
    await goesOn(rehearsal);
  },
  'A fleet, step 4': (rehearsal, block) => startBeside(rehearsal, block, 'new'),
  'A fleet, step 5': async (rehearsal, block) => {
    requireWord(block, await runUntilAccepted(rehearsal, block), rehearsal.experiment);
    const { OLD_BUILD, NEW_BUILD } = rehearsal.values;
    const found = await routingOf(rehearsal.ground.client);
    requireSame(block, found, { current: OLD_BUILD!, ramping: NEW_BUILD!, percentage: 10 });
    await flowUntil(rehearsal, 'some runs go on with the new workers', async () =>
      (await builds(rehearsal)).includes(NEW_BUILD!),
    );
    const runs = await builds(rehearsal);
    if (!runs.includes(OLD_BUILD!)) throw new CommandError(`${block.step}: the new workers got every run`);
    rehearsal.say(
      `  ${runs.filter((build) => build === NEW_BUILD).length} of ${runs.length} runs go on with the new workers`,
    );
  },
  'A fleet, step 6': (rehearsal, block) => giveAll(rehearsal, block, 'new', 'old'),
  'A fleet, step 7': (rehearsal, block) => stopAll(rehearsal, block, 'old'),
  'A fleet, step 8': async (rehearsal, block) => {
    requireWord(block, await runBlock(rehearsal, block), rehearsal.experiment);
  },
  'A fleet, back again, step 1': async (rehearsal, block) => {
    const said = await runBlock(rehearsal, block);
    const [version] = rehearsal.values.OLD_BUILD!.split('-');
    if (!new RegExp(`version ${version} \\(\\d+ migrations\\) reads and writes them`).test(said))
      throw new CommandError(`${block.step} does not say that version ${version} may write:\n${said}`);
  },
  'A fleet, back again, step 2': (rehearsal, block) => startBeside(rehearsal, block, 'old'),
  'A fleet, back again, step 3': (rehearsal, block) => giveAll(rehearsal, block, 'old', 'new'),
  'A fleet, back again, step 4': (rehearsal, block) => stopAll(rehearsal, block, 'new'),
};

/** Starts the workers of a version. They are ready, and get no work while the others do it. */
async function startBeside(rehearsal: Rehearsal, block: Block, version: Version): Promise<void> {
  await startWorkers(rehearsal, block, version);
  const started = rehearsal[version];
  await until(`every ${version} worker is ready`, async () =>
    (await Promise.all(started.map((worker) => worker.ready()))).every(({ status }) => status === 200),
  );
  await goesOn(rehearsal);
  if ((await attempts(started)) > 0) throw new CommandError(`${block.step}: the ${version} workers got work`);
}

/** Starts the workers of a block's lines, each beside the others. */
export async function startWorkers(rehearsal: Rehearsal, block: Block, version: Version): Promise<void> {
  const lines = block.commands.split('\n').filter((line) => line !== '');
  const wrong = lines.find((line) => !line.startsWith(`${version} worker `));
  if (wrong !== undefined) throw new CommandError(`${block.step}: "${wrong}" starts no ${version} worker`);
  const started: StartedWorker[] = [];
  for (const line of lines) {
    started.push(await startWorker(prelude(rehearsal), line, rehearsal.ground.env));
    // Recorded at once, so that it is ended whatever happens to the next one.
    rehearsal[version] = [...started];
  }
  const [build] = started.map(({ buildId }) => buildId);
  if (started.some(({ buildId }) => buildId !== build)) throw new CommandError('workers of two builds');
  rehearsal.values[version === 'old' ? 'OLD_BUILD' : 'NEW_BUILD'] = build!;
}

/** Gives all work to a version: every run goes on with it, and the others get none. */
async function giveAll(rehearsal: Rehearsal, block: Block, to: Version, others: Version): Promise<void> {
  await runUntilAccepted(rehearsal, block);
  const build = rehearsal.values[to === 'old' ? 'OLD_BUILD' : 'NEW_BUILD']!;
  const found = await routingOf(rehearsal.ground.client);
  requireSame(block, found, { current: build, ramping: null, percentage: 0 });
  await flowUntil(rehearsal, `every run goes on with the ${to} workers`, async () =>
    (await builds(rehearsal)).every((one) => one === build),
  );
  const before = await attempts(rehearsal[others]);
  await goesOn(rehearsal);
  if ((await attempts(rehearsal[others])) > before)
    throw new CommandError(`${block.step}: the ${others} workers got work`);
}

/** Stops a version: each of its workers ends with exit code 0, nothing has failed, and work goes on. */
async function stopAll(rehearsal: Rehearsal, block: Block, version: Version): Promise<void> {
  await runBlock(rehearsal, block);
  for (const worker of rehearsal[version]) await worker.requireGoodEnd();
  rehearsal[version] = [];
  await goesOn(rehearsal);
  await requireNoFailure(rehearsal);
}

export async function requireNoFailure({ ground }: Rehearsal): Promise<void> {
  const failures = await ground.query('select kind, message from failures');
  if (failures.length > 0) throw new CommandError(`it failed: ${JSON.stringify(failures)}`);
}

function prelude({ settings, values }: Rehearsal): string {
  return settingsWith(settings, values);
}

function pids(workers: readonly StartedWorker[]): string {
  return workers.map(({ pid }) => pid).join(' ');
}

async function runBlock(rehearsal: Rehearsal, { commands }: Block, code = 0): Promise<string> {
  const env = {
    ...rehearsal.ground.env,
    OLD_WORKERS: pids(rehearsal.old),
    NEW_WORKERS: pids(rehearsal.new),
  };
  return await runProgram('bash', ['-euo', 'pipefail', '-c', `${prelude(rehearsal)}${commands}`], env, code);
}

/** The server refuses a version until it has seen its workers ask for work on every queue. */
async function runUntilAccepted(rehearsal: Rehearsal, block: Block): Promise<string> {
  const deadline = performance.now() + WITHIN_MS;
  for (;;) {
    try {
      return await runBlock(rehearsal, block);
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await sleep(1000);
  }
}

async function attempts(workers: readonly StartedWorker[]): Promise<number> {
  const counts = await Promise.all(workers.map((worker) => worker.attempts()));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function builds({ ground, experiment, runs }: Rehearsal): Promise<(string | null)[]> {
  return await buildsOfRuns(ground.client, experiment, runs);
}

/** Resolves when more of the experiment is stored. */
export async function goesOn(rehearsal: Rehearsal): Promise<void> {
  const { place } = rehearsal.ground;
  const before = await invocationsIn(place, rehearsal.experiment);
  await flowUntil(rehearsal, 'the experiment goes on', async () => {
    return (await invocationsIn(place, rehearsal.experiment)) > before + rehearsal.runs;
  });
}

/**
 * Lets answers through until the condition holds. The pauses grow, so that a slow machine does not use up the
 * answers.
 */
async function flowUntil(
  { gate, watched }: Rehearsal,
  what: string,
  holds: () => Promise<boolean>,
): Promise<void> {
  let [pauseMs, next] = [500, 0];
  await until(what, async () => {
    if (watched.ending() !== null)
      throw new CommandError(`the experiment ended with ${watched.ending()}:\n${watched.said()}`);
    if (await holds()) return true;
    if (performance.now() >= next && gate.letThrough() > 0) {
      next = performance.now() + pauseMs;
      pauseMs *= 2;
    }
    return false;
  });
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WITHIN_MS;
  while (!(await holds())) {
    if (performance.now() > deadline)
      throw new CommandError(`it did not come about within ${WITHIN_MS / 1000} s that ${what}`);
    await sleep(200);
  }
}

function requireWord({ step }: Block, said: string, word: string): void {
  if (!said.includes(word)) throw new CommandError(`${step} says nothing of "${word}":\n${said}`);
}

function requireSame({ step }: Block, found: object, wanted: object): void {
  const [one, other] = [found, wanted].map((value) => JSON.stringify(value));
  if (one !== other) throw new CommandError(`${step}: the service has ${one} instead of ${other}`);
}
