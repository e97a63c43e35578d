import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findDumpingPostgres, type DumpingPostgres } from '../backup/postgres-programs.js';
import {
  invocationsIn,
  panicTda,
  plainEnvironment,
  requireEqual,
  runUndisturbed,
  timed,
} from '../backup/steps.js';
import { buildVersion } from '../common/built-version.js';
import { CommandError, runCommand } from '../../bench/common/command.js';
import { EXIT_UNAVAILABLE } from '../machines/requirements.js';
import { NEXT_VERSION } from '../common/next-version.js';
import { GATED_MODEL, startGatedModel, type GatedModel } from './gated-model.js';
import { readOptions, type RehearsalOptions } from './options.js';
import { readPage, type Page } from './page.js';
import { layGround, startExperiment, writeWatchedExperiment } from './stage.js';
import { goesOn, requireNoFailure, startWorkers, STEPS, type Rehearsal } from './steps.js';

/**
 * `npm run rehearse-upgrade`: runs the commands of docs/upgrading.md for an operator of a fleet, block by
 * block, while an experiment is under way: from this version to a next one that adds to the tables, and back
 * again. Exit status 0 if all claims of the page hold, 1 if one does not, 77 if this machine lacks what is
 * needed.
 */

const CLONE = fileURLToPath(new URL('../../..', import.meta.url));
const MAIN = join(CLONE, 'dist/cli/main.js');
const STANDSTILL_MS = 120_000;
const say = (line: string): void => console.log(line);

await runCommand(async () => {
  const options = readOptions(process.argv.slice(2), CLONE);
  const page = readPage(readFileSync(options.page, 'utf8'), Object.keys(STEPS));
  say(`${options.page} has a block for each of the ${page.blocks.length} steps.`);
  if (options.read) return;
  const programs = findDumpingPostgres();
  if ('missing' in programs) {
    say(`not rehearsed, since ${programs.missing}`);
    process.exitCode = EXIT_UNAVAILABLE;
    return;
  }
  const next = buildVersion(CLONE, {
    ...NEXT_VERSION,
    workflows: (code) => `${code}// of the next version\n`,
  });
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-rehearsal-'));
  const gate = await startGatedModel();
  try {
    await rehearse({ options, page, folder, gate, programs, next: next.folder });
  } finally {
    next.remove();
    await gate.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
});

interface Scene {
  readonly options: RehearsalOptions;
  readonly page: Page;
  readonly folder: string;
  readonly gate: GatedModel;
  readonly programs: DumpingPostgres;
  /** Where the next version is installed. */
  readonly next: string;
}

async function rehearse({ options, page, folder, gate, programs, next }: Scene): Promise<void> {
  const { runs, length } = options;
  const catalogue = join(folder, 'catalogue.json');
  writeFileSync(catalogue, gate.catalogue);
  const env = { ...plainEnvironment(), PANIC_TDA_CATALOGUE: catalogue };
  const file = writeWatchedExperiment(folder, runs, length, GATED_MODEL);
  say(`${runs} runs of ${length} invocations`);
  const program = { main: MAIN, env, say };
  const undisturbed = await runUndisturbed(program, folder, file);
  // A third of the answers stays for the end.
  gate.close((runs * length) / 3);

  const backup = join(folder, 'backup');
  mkdirSync(backup);
  const ground = await layGround(folder, { main: MAIN, env, programs });
  const watched = startExperiment(MAIN, file, ground.env);
  const rehearsal: Rehearsal = {
    ground,
    settings: page.settings,
    values: { OLD: CLONE, NEW: next, OWNER: ground.owner, BACKUP: backup },
    gate,
    watched,
    experiment: undisturbed.id,
    runs,
    say,
    migrations: NEXT_VERSION.migrations.postgres.map(({ tag }) => tag),
    old: [],
    new: [],
  };
  try {
    await timed(say, 'the old workers, and an experiment under way', () => begin(rehearsal, page));
    for (const block of page.blocks) {
      await timed(say, block.step, () => STEPS[block.step]!(rehearsal, block));
    }
    say(`  ${gate.open()} of ${(runs * length) / 2} answers of the model were used so far`);
    await timed(say, 'the rest of the experiment', () => untilItsEnd(rehearsal));
    await requireNoFailure(rehearsal);
    await requireEqual({ ...program, ...undisturbed, file, folder }, ground.place, 'the experiment');
    await panicTda({ main: MAIN, env: ground.env }, ['doctor', '--deep']);
    say('The experiment is equal to the undisturbed one.');
  } finally {
    // If one cannot be stopped, the others are stopped all the same.
    await Promise.allSettled([
      watched.stop(),
      ...[...rehearsal.old, ...rehearsal.new].map((worker) => worker.kill()),
    ]);
    await ground.stop();
  }
}

/** Throws a CommandError if the experiment does not end well, or stands still. */
async function untilItsEnd({ ground, watched, experiment }: Rehearsal): Promise<void> {
  let [stored, since] = [-1, performance.now()];
  while (watched.ending() === null) {
    const now = await invocationsIn(ground.place, experiment);
    if (now !== stored) [stored, since] = [now, performance.now()];
    if (performance.now() - since > STANDSTILL_MS)
      throw new CommandError(`nothing of the experiment was stored for ${STANDSTILL_MS / 1000} s`);
    await sleep(200);
  }
  if (watched.ending() !== '0')
    throw new CommandError(`the experiment ended with ${watched.ending()}:\n${watched.said()}`);
}

/** Starts a fleet of the old version by the commands of the way back, and the experiment. */
async function begin(rehearsal: Rehearsal, { blocks }: Page): Promise<void> {
  const block = (step: string) => blocks.find((one) => one.step === `A fleet, back again, step ${step}`)!;
  await startWorkers(rehearsal, block('2'), 'old');
  await STEPS[block('3').step]!(rehearsal, block('3'));
  await goesOn(rehearsal);
}
