import { randomInt } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readEnvironment } from '../../workers/settings/environment.js';
import { findTemporalCli } from '../../workers/temporal/cli.js';
import { findAbilities, findNamespaces, type Abilities } from './abilities.js';
import { readOptions, type ChaosOptions } from './options.js';
import { planRound } from './plan.js';
import { describeRound } from './report.js';
import { VERDICT, type InsideSettings } from './settings.js';
import { CommandError, runCommand } from '../../bench/common/command.js';
import { postgresPrograms, PostgresMissing } from '../../bench/common/embedded-postgres.js';
import { EXIT_UNAVAILABLE } from '../machines/requirements.js';
import { runInNamespaces } from '../common/namespaces.js';

/**
 * `npm run chaos`: random experiments while random processes, connections and disks fail. docs/chaos.md says
 * what it shows. Exit status 0 if nothing was lost, doubled or unequal, 1 if something was, 2 for bad
 * options, 77 if this machine lacks what is needed.
 */

const INSIDE = fileURLToPath(new URL('inside.js', import.meta.url));
const SEEDS = 2 ** 32;
/** Rounds that `--plan` prints by default. */
const PLANNED = 10;
/** A bad option, as for the commands of the program. */
const EXIT_BAD_USE = 2;

await runCommand(async () => {
  const options = optionsOrExplain();
  if (options === null) return;
  if (options.plan) {
    for (let round = options.first; round < options.first + Math.min(options.rounds, PLANNED); round++) {
      console.log(describeRound(planRound(options.seed, round)));
    }
    return;
  }
  const found = findNamespaces();
  if ('missing' in found) {
    explainUnavailable(found.missing);
    return;
  }
  const folder = makeFolder(options.keep);
  try {
    process.exitCode = await run(options, found.namespaces, folder);
  } catch (error) {
    if (!(error instanceof PostgresMissing)) throw error;
    explainUnavailable(error.message);
  } finally {
    if (options.keep === undefined) removeUnlessWrong(folder);
  }
});

/** Also removes the folder of a round that was interrupted. */
function removeUnlessWrong(folder: string): void {
  for (const round of readdirSync(folder).map((name) => join(folder, name))) {
    if (!existsSync(join(round, VERDICT))) rmSync(round, { recursive: true, force: true, maxRetries: 10 });
  }
  if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true });
}

async function run(options: ChaosOptions, namespaces: readonly string[], folder: string): Promise<number> {
  const { path: temporalCli } = await findTemporalCli({ fetch: true, onProgress: say });
  const tools = join(folder, 'tools');
  mkdirSync(tools);
  try {
    await postgresPrograms(tools);
    const abilities = await findAbilities(tools, namespaces, say);
    sayWhatIsLeftOut(abilities);
    console.log(`seed ${options.seed}`);
    const { cacheFolder } = readEnvironment();
    const settings: InsideSettings = { options, abilities, temporalCli, cacheFolder, folder };
    return await runInNamespaces(INSIDE, settings, namespaces);
  } finally {
    rmSync(tools, { recursive: true, force: true });
  }
}

function optionsOrExplain(): ChaosOptions | null {
  try {
    return readOptions(process.argv.slice(2), () => randomInt(SEEDS));
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    console.error(error.message);
    process.exitCode = EXIT_BAD_USE;
    return null;
  }
}

function explainUnavailable(missing: string): void {
  console.error(`This machine cannot run the chaos suite:\n  - ${missing}\nNothing was started.`);
  process.exitCode = EXIT_UNAVAILABLE;
}

function sayWhatIsLeftOut({ noSmallDisks, slowDisk, s3 }: Abilities): void {
  if (noSmallDisks !== null) say(`left out: full disks, since ${noSmallDisks}`);
  if ('missing' in slowDisk) say(`left out: slow disks, since ${slowDisk.missing}`);
  if ('missing' in s3) say(`left out: the S3 service, since ${s3.missing}; a folder stands in for it`);
}

function say(line: string): void {
  console.error(line);
}

function makeFolder(keep: string | undefined): string {
  if (keep !== undefined && existsSync(keep)) {
    throw new CommandError(`--keep ${keep} is there already; name a new folder`);
  }
  const folder = keep === undefined ? mkdtempSync(join(tmpdir(), 'panic-tda-chaos-')) : resolve(keep);
  mkdirSync(folder, { recursive: true });
  // Postgres, which does not run as root, has a folder in it.
  chmodSync(folder, 0o755);
  return folder;
}
