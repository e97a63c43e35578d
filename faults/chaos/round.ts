import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import { errorMessage } from '../../common/errors.js';
import { endingOf } from '../common/keeper.js';
import { processState, processTree, processWords } from '../../bench/common/process-tree.js';
import { kill, openDeployment, STOP_MS, type Deployment } from './deployment.js';
import { openSlowDisk, type SlowDisk } from './disks.js';
import { createDrive, type Drive } from './drive.js';
import { askDoctor, failedAttempts, judge, type FailedAttempts } from './judge.js';
import { writeExperiments, type WrittenExperiment } from './written-experiments.js';
import type { RoundPlan } from './plan.js';
import { commonVariables, launchCli } from './programs.js';
import { repeatCommand, type RoundResult, type StruckFault } from './report.js';
import { strikeAll } from './schedule.js';
import { VERDICT, type InsideSettings } from './settings.js';
import type { Stage } from './stage.js';
import { createObserver, type Observer } from './standing.js';
import { runUndisturbed, type Undisturbed } from './undisturbed.js';

/** How long the experiments have after the last fault to end. */
const END_MS = 600_000;

/**
 * Runs one round, from its experiment files to the judgement. Its folder is removed if nothing was wrong,
 * unless all folders are kept.
 */
export async function runRound(
  plan: RoundPlan,
  settings: InsideSettings,
  say: (line: string) => void,
): Promise<RoundResult> {
  const startedAt = performance.now();
  const { abilities, options } = settings;
  const folder = join(settings.folder, `seed-${plan.seed}-round-${plan.round}`);
  const logs = join(folder, 'logs');
  mkdirSync(logs, { recursive: true });
  // Postgres, which does not run as root, has a folder in it.
  chmodSync(folder, 0o755);
  const mounts = abilities.noSmallDisks === null;
  const common = commonVariables(settings.temporalCli, settings.cacheFolder);
  const experiments = await writeExperiments(plan, folder);

  const undisturbed = await runUndisturbed(experiments, {
    folder: join(folder, 'disk-undisturbed'),
    logs,
    mounts,
    env: common,
  });
  say(
    `undisturbed: ${undisturbed.invocations} steps in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`,
  );
  const slowDisk = 'path' in abilities.slowDisk ? openSlowDisk(abilities.slowDisk.path, folder) : null;
  const deployment = await openDeployment({
    plan: plan.deployment,
    folder,
    logs,
    temporalCli: settings.temporalCli,
    s3Program: 'path' in abilities.s3 ? abilities.s3.path : null,
    mounts,
    slowDisk,
    common,
  });
  // The client of the S3 service in this process looks for its keys in these variables.
  for (const [name, value] of Object.entries(deployment.commandEnvironment)) {
    if (name.startsWith('AWS_')) process.env[name] = value;
  }
  const outcome = await disturb({ plan, deployment, slowDisk, experiments, undisturbed, logs, say });
  const kept = outcome.wrong.length > 0 || options.keep !== undefined;
  const disks = [...Object.values(deployment.disks), undisturbed.disk];
  for (const disk of disks) disk.unmount(kept);
  if (kept) writeFileSync(join(folder, VERDICT), [repeatCommand(plan), ...outcome.wrong, ''].join('\n'));
  else rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  return {
    plan,
    ms: performance.now() - startedAt,
    runs: [...undisturbed.standings.values()].reduce((sum, { runs }) => sum + runs, 0),
    steps: undisturbed.invocations,
    ...outcome,
    folder: kept ? folder : null,
  };
}

interface Scene {
  readonly plan: RoundPlan;
  readonly deployment: Deployment;
  readonly slowDisk: SlowDisk | null;
  readonly experiments: readonly WrittenExperiment[];
  readonly undisturbed: Undisturbed;
  readonly logs: string;
  readonly say: (line: string) => void;
}

interface Outcome {
  readonly faults: readonly StruckFault[];
  readonly retried: readonly string[];
  readonly failures: ReadonlyMap<string, number>;
  readonly wrong: readonly string[];
}

/** Runs the experiments with all faults to their end, and judges the result. */
async function disturb(scene: Scene): Promise<Outcome> {
  const { plan, deployment, experiments, undisturbed, say } = scene;
  const wrong: string[] = [];
  const others: ChildProcess[] = [];
  const observer = createObserver(deployment.place);
  const stage = setStage(scene, observer, others, wrong);
  const { drives } = stage;

  let failedToEnd = false;
  const ended = followAll(drives, plan).catch((error: unknown) => {
    failedToEnd = true;
    wrong.push(errorMessage(error));
  });
  const faults = await strikeAll(stage, plan, undisturbed.invocations, ended, say);
  scene.slowDisk?.set(0, 0);
  for (const drive of drives) drive.calm();
  say('no more faults; waiting for the end');
  const inTime = await Promise.race([ended.then(() => true), sleep(END_MS, false, { ref: false })]);
  if (!inTime) wrong.push(...(await unfinished(drives, observer)));
  const finished = inTime && !failedToEnd;
  if (finished) {
    // The services still run, so that doctor checks its remarks on servers and queues too.
    const { code, problems } = await askDoctor(['--deep'], deployment.commandEnvironment);
    if (code !== 0) wrong.push(`doctor ended with ${code}`);
    for (const problem of problems) wrong.push(`doctor: ${problem.replaceAll('\n', ' ')}`);
  }
  wrong.push(...(await leave(deployment, others)));
  await observer.close();

  let attempts: FailedAttempts | null = null;
  try {
    attempts = await failedAttempts(deployment.place);
    wrong.push(...attempts.unexplained.map((what) => `a failed attempt that no fault explains: ${what}`));
    // An experiment that has not finished is unequal anyway.
    if (finished) {
      const ids = experiments.map(({ id }) => id);
      wrong.push(...(await judge(deployment.place, undisturbed.place, ids)));
    }
  } catch (error) {
    wrong.push(`the rows cannot be read: ${errorMessage(error)}`);
  }
  await deployment.stopStores();
  return {
    faults,
    retried: drives.flatMap(({ retried }) => retried),
    failures: attempts?.byKind ?? new Map<string, number>(),
    wrong,
  };
}

function setStage(
  { deployment, slowDisk, experiments, undisturbed, logs }: Scene,
  observer: Observer,
  others: ChildProcess[],
  wrong: string[],
): Stage {
  const env = deployment.commandEnvironment;
  const drives = experiments.map(({ id, file }, index) =>
    createDrive({
      experiment: id,
      file,
      expectedToFail: undisturbed.standings.get(id)!.failed.map(({ run }) => run),
      launch: (words) =>
        launchCli([...words, '--json'], { env, logFile: join(logs, `experiment-${index}.log`) }),
      standing: () => observer.standing(id),
    }),
  );
  return {
    deployment,
    drives,
    slowDisk,
    observer,
    command(words, environment = env) {
      const child = launchCli(words, { env: environment, logFile: join(logs, 'operator.log') });
      others.push(child);
      return child;
    },
    markLogs: () => new Map(readdirSync(logs).map((name) => [name, statSync(join(logs, name)).size])),
    logsSince: (marks) =>
      readdirSync(logs)
        .map((name) =>
          readFileSync(join(logs, name))
            .subarray(marks.get(name) ?? 0)
            .toString(),
        )
        .join('\n'),
    wrong: (sentence) => void wrong.push(sentence),
  };
}

/** A data folder runs one experiment at a time by itself; on a fleet all of them begin at once. */
async function followAll(drives: readonly Drive[], { deployment }: RoundPlan): Promise<void> {
  if (deployment.kind === 'fleet') {
    await Promise.all(drives.map((drive) => drive.follow()));
    return;
  }
  for (const drive of drives) await drive.follow();
}

async function unfinished(drives: readonly Drive[], observer: Observer): Promise<string[]> {
  const found: string[] = [];
  for (const drive of drives.filter(({ underWay }) => underWay)) {
    const standing = await observer.standing(drive.experiment);
    found.push(
      `experiment ${drive.experiment} had not ended ${END_MS / 1000} s after the last fault: ${JSON.stringify(standing)}`,
    );
    drive.stop();
  }
  return found;
}

/** Ends what is left, in order. Returns which processes did not end, and which were left behind. */
async function leave(deployment: Deployment, others: readonly ChildProcess[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const child of others) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGINT');
    if ((await endingOf(child, STOP_MS)) === null) {
      wrong.push(`${child.spawnargs.slice(2).join(' ')} had not ended ${STOP_MS / 1000} s after SIGINT`);
    }
  }
  wrong.push(
    ...(await deployment.stop()).map((name) => `${name} had not ended ${STOP_MS / 1000} s after SIGTERM`),
  );
  // The judge still reads from these.
  const stores = new Set((['postgres', 's3'] as const).flatMap((role) => deployment.pidsOf(role)));
  const left = processTree(process.pid)
    .slice(1)
    .filter(({ pid }) => !stores.has(pid) && processState(pid) !== 'Z');
  for (const { pid } of left) {
    wrong.push(`process ${pid} was left behind: ${processWords(pid).join(' ').trim()}`);
    kill(pid);
  }
  return wrong;
}
