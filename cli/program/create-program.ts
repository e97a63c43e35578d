import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { PanicError } from '../../common/errors.js';
import { refuseUnusableArguments } from './arguments.js';
import type { Context, GlobalOptions } from '../context.js';
import { describeCommand } from './describe-command.js';
import { EXIT_CODE_HELP } from './exit-codes.js';
import { addAnalyseCommand, ANALYSE_HELP } from './analyse-command.js';
import { addModelCommands, MODELS_HELP } from './model-commands.js';
import { addObjectCommands, OBJECTS_HELP } from './object-commands.js';
import { COMPLETE_WORDS, type Shell, SHELLS } from './shells.js';
import { addDeviceOptions, refuseDeviceOptionsElsewhere } from '../device-options.js';
import { write } from '../terminal/output.js';
import type { VerbWithoutId } from '../lookup/meant-experiment.js';
import { version } from './package-info.js';
import type { DatabaseFlags } from '../commands/setup-database.js';
import type { WebUiFlags } from '../commands/web-ui.js';
import type { WorkerOptions } from '../commands/worker.js';

/**
 * Defines the whole command line: every command with its options and help. The work of each command is in
 * commands/. It is loaded when the command runs, so that help and the light commands do not wait for Temporal's
 * client.
 */
export function createProgram(exitWith: (code: number) => void): Command {
  const program = new Command('panic-tda')
    .description(
      'Runs generative models in feedback loops, durably, and measures the shape of their trajectories.',
    )
    .usage('<command> [options]')
    .helpOption('-h, --help', 'show this help')
    .version(version(), '-V, --version', 'print the version')
    .helpCommand('help [command]', 'show the help of a command')
    .commandsGroup('Help:')
    .configureHelp({ subcommandTerm })
    .addHelpText('after', MAIN_HELP)
    .configureOutput({
      writeOut: (text) => write(process.stdout, text),
      writeErr: (text) => write(process.stderr, text),
      outputError: (text, say) => say(text.replace(/^error: /, 'panic-tda: ')),
    })
    .exitOverride()
    .hook('preAction', (_, command) => {
      // A shell completes a command line that the user is still typing, so do not refuse it.
      if (command.name() !== COMPLETE_WORDS) refuseUnusableArguments(command);
    })
    .showHelpAfterError('("panic-tda --help" lists the commands, "panic-tda help COMMAND" explains one)');

  function add(group: string, usage: string, description: string, details: string): Command {
    return describeCommand(program.command(usage).helpGroup(group), description, details);
  }

  /** Runs a command in its context and passes on its exit code. */
  async function act(
    options: GlobalOptions,
    work: (context: Context) => Promise<number> | number,
  ): Promise<void> {
    const { contextOf } = await import('../context.js');
    exitWith(await work(await contextOf(options)));
  }

  /**
   * Like `act`, for a command that needs no model: a missing catalogue file does not keep it from stored data.
   */
  async function withoutModels(
    options: GlobalOptions,
    work: (context: Context) => Promise<number> | number,
  ): Promise<void> {
    const { contextWithoutModels } = await import('../context.js');
    exitWith(await work(await contextWithoutModels(options)));
  }

  /** Like `act`, for a command whose own workers compute with models. */
  async function compute(
    options: GlobalOptions,
    work: (context: Context) => Promise<number> | number,
  ): Promise<void> {
    await refuseDeviceOptionsElsewhere(options);
    await act(options, work);
  }

  addDeviceOptions(add(RUN, 'run', 'run an experiment to its diagrams, or continue it', RUN_HELP))
    .argument('<file>', 'experiment file (JSON)')
    .action(async (file: string, options: GlobalOptions) => {
      const { runFile } = await import('../commands/run.js');
      await compute(options, (context) => runFile(context, file));
    });
  addDeviceOptions(add(RUN, 'resume', 'continue an experiment from its stored rows', RESUME_HELP))
    .argument('[id]', `${ID}; default: the only one that is paused, or else that has stopped before its end`)
    .option('--run <index>', 'only this run, which was paused or cancelled for itself', wholeNumber)
    .option('--all', 'every paused experiment that is open; starts none')
    .option('--take-over', 'also if it is with another Temporal service that is gone for good')
    .action(async (id: string | undefined, options: GlobalOptions & Selection & TakeOver) => {
      const which = selected('resume', id, options);
      if (options.takeOver === true && (which === 'all' || options.run !== undefined)) {
        throw new PanicError('InvalidInput', 'resume: --take-over is about one experiment as a whole');
      }
      await compute(options, async (context) => {
        const { resumeAll, resumeRun } = await import('../commands/pause.js');
        if (which === 'all') return await resumeAll(context);
        const one = await meant(context, 'resume', which.id, options.run);
        if (options.run !== undefined) return await resumeRun(context, one, options.run);
        const { resumeExperiment } = await import('../commands/run.js');
        return await resumeExperiment(context, one, { takeOver: options.takeOver ?? false });
      });
    });
  addDeviceOptions(add(RUN, 'retry', 'run the failed runs again, from where they stopped', RETRY_HELP))
    .argument('[id]', `${ID}; default: the only one with failed runs`)
    .option('--run <index>', 'only this run', wholeNumber)
    .action(async (id: string | undefined, options: GlobalOptions & { readonly run?: number }) => {
      const { retryExperiment } = await import('../commands/run.js');
      await compute(options, async (context) =>
        retryExperiment(context, await meant(context, 'retry', id, options.run), options.run ?? null),
      );
    });
  add(RUN, 'pause', 'hold an experiment, or a run of it, where it is', PAUSE_HELP)
    .argument('[id]', `${ID}; default: the only one that is under way`)
    .option('--run <index>', 'only this run', wholeNumber)
    .option('--all', 'every experiment that is under way')
    .action(async (id: string | undefined, options: GlobalOptions & Selection) => {
      const which = selected('pause', id, options);
      const { pauseAll, pauseExperiment } = await import('../commands/pause.js');
      await withoutModels(options, async (context) =>
        which === 'all'
          ? await pauseAll(context)
          : await pauseExperiment(
              context,
              await meant(context, 'pause', which.id, options.run),
              options.run ?? null,
            ),
      );
    });
  add(RUN, 'cancel', 'end a running experiment; it can be resumed', CANCEL_HELP)
    .argument('[id]', `${ID}; default: the only one that is under way`)
    .option('--run <index>', 'only this run', wholeNumber)
    .option('--wait <seconds>', 'how long to wait for it to end', seconds, 60)
    .action(
      async (
        id: string | undefined,
        options: GlobalOptions & { readonly run?: number; readonly wait: number },
      ) => {
        const { cancelExperiment, cancelRun } = await import('../commands/cancel.js');
        const { run, wait } = options;
        await withoutModels(options, async (context) => {
          const one = await meant(context, 'cancel', id, run);
          return run === undefined
            ? await cancelExperiment(context, one, wait * 1000)
            : await cancelRun(context, one, run, wait * 1000);
        });
      },
    );
  addDeviceOptions(add(LOOK, 'plan', 'what a run would do, and need; writes nothing', PLAN_HELP))
    .argument('<file>', 'experiment file (JSON)')
    .action(async (file: string, options: GlobalOptions) => {
      const { planFile } = await import('../commands/plan.js');
      await compute(options, (context) => planFile(context, file));
    });
  add(LOOK, 'list', 'the experiments of the data folder', LIST_HELP).action(
    async (options: GlobalOptions) => {
      const { listExperiments } = await import('../commands/list.js');
      await withoutModels(options, listExperiments);
    },
  );
  add(LOOK, 'status', 'how far an experiment is: pace, last error', STATUS_HELP)
    .argument('[id]', `${ID}; default: the one that is running, or the newest`)
    .action(async (id: string | undefined, options: GlobalOptions) => {
      const { showStatus } = await import('../commands/status.js');
      await withoutModels(options, (context) => showStatus(context, id));
    });
  add(LOOK, 'show', 'the runs of an experiment, or one run in full', SHOW_HELP)
    .argument('<id>', ID)
    .argument('[run]', 'index of a run')
    .option('--experiment-file', 'print the experiment as a file for "run", with its drawn seeds')
    .action(async (id: string, run: string | undefined, { experimentFile, ...options }: ShowOptions) => {
      const { showExperiment, showExperimentFile, showRun } = await import('../commands/show.js');
      if (experimentFile === true) {
        if (run !== undefined) {
          throw new PanicError('InvalidInput', 'show: --experiment-file is about an experiment, not one run');
        }
        await withoutModels(options, (context) => showExperimentFile(context, id));
        return;
      }
      await withoutModels(options, (context) =>
        run === undefined ? showExperiment(context, id) : showRun(context, id, run),
      );
    });
  addAnalyseCommand(
    add(LOOK, 'analyse', 'compare the runs of experiments, with tests', ANALYSE_HELP),
    ID,
    withoutModels,
  );
  addDeviceOptions(add(LOOK, 'verify', 'make a sample of the model calls again, and compare', VERIFY_HELP))
    .argument('<id>', ID)
    .option('--sample <size>', 'a share such as 1%, or a number of invocations', '1%')
    .option('--tolerance <levels>', 'levels of 8 bits by which pixels may differ', wholeNumber, 2)
    .option('--sample-seed <seed>', 'draws another sample', wholeNumber, 0)
    .action(
      async (
        id: string,
        options: GlobalOptions & { sample: string; tolerance: number; sampleSeed: number },
      ) => {
        const { verifyExperiment } = await import('../commands/verify.js');
        const { sample, tolerance, sampleSeed: seed } = options;
        await act(options, (context) => verifyExperiment(context, id, { sample, tolerance, seed }));
      },
    );
  add(KEEP, 'merge', 'add the experiments of another data folder to this one', MERGE_HELP)
    .argument('<source>', 'data folder to read from, or its database file')
    .option('--dry-run', 'say what would be done')
    .action(async (source: string, { dryRun, ...options }: GlobalOptions & { readonly dryRun?: boolean }) => {
      const { mergeFolder } = await import('../commands/merge.js');
      await withoutModels(options, (context) => mergeFolder(context, source, { dryRun: dryRun ?? false }));
    });
  add(KEEP, 'delete', 'delete an experiment with all that only it has', DELETE_HELP)
    .argument('<id>', ID)
    .option('--yes', 'do not ask')
    .option('--compact', 'give the room in the database file back to the disk')
    .option('--take-over', 'also if it is with another Temporal service that is gone for good')
    .action(
      async (
        id: string,
        {
          yes,
          compact,
          takeOver,
          ...options
        }: GlobalOptions & TakeOver & Record<'yes' | 'compact', boolean | undefined>,
      ) => {
        const { deleteExperiment } = await import('../commands/delete.js');
        await withoutModels(options, (context) =>
          deleteExperiment(context, id, {
            yes: yes ?? false,
            compact: compact ?? false,
            takeOver: takeOver ?? false,
          }),
        );
      },
    );
  add(KEEP, 'backup', 'copy the data folder to another folder while work goes on', BACKUP_HELP)
    .argument(
      '<folder>',
      'folder for the copy: an empty one, one that is not there yet, or an earlier backup',
    )
    .action(async (target: string, options: GlobalOptions) => {
      const { backUpFolder } = await import('../commands/backup.js');
      await withoutModels(options, (context) => backUpFolder(context, target));
    });
  add(KEEP, 'upgrade', 'bring what an older version stored up to date, after a copy', UPGRADE_HELP)
    .option('--check', 'say whether there is anything to do, and what it takes')
    .action(async ({ check, ...options }: GlobalOptions & { readonly check?: boolean }) => {
      const { upgradeStore } = await import('../commands/upgrade.js');
      await withoutModels(options, (context) => upgradeStore(context, { check: check ?? false }));
    });
  addModelCommands(add(MACHINE, 'models', 'the models to choose from, and their files', MODELS_HELP), act);
  addObjectCommands(add(MACHINE, 'objects', 'the pictures, in a folder or a bucket', OBJECTS_HELP), act);
  add(MACHINE, 'setup', 'get what a device needs, or make the tables of a database', SETUP_HELP)
    .addArgument(new Argument('<what>', 'what to set up').choices(['cuda', 'database']))
    .option('--app-role <name>', 'database: a role that may then read and write rows, and nothing more')
    .option('--check', 'database: only say of which version the tables are, and what a migration would do')
    .option(
      '--wait <seconds>',
      'database: if a migration is not for workers of the version before, tell them to end, and wait for that',
      seconds,
    )
    .option(
      '--without-gpu',
      'cuda: fetch it and look for its libraries, and run nothing; for building images',
    )
    .action(async (what: 'cuda' | 'database', options: GlobalOptions & SetupFlags) => {
      const { withoutGpu = false } = options;
      if (what === 'database' && withoutGpu) {
        throw new PanicError('InvalidInput', '--without-gpu belongs to "setup cuda"');
      }
      if (what === 'database') {
        const { setUpTables } = await import('../commands/setup-database.js');
        await withoutModels(options, (context) => setUpTables(context, options));
        return;
      }
      for (const flag of ['appRole', 'check', 'wait'] as const) {
        if (options[flag] === undefined) continue;
        const named = flag === 'appRole' ? 'app-role' : flag;
        throw new PanicError('InvalidInput', `--${named} belongs to "setup database"`);
      }
      const { setUpCuda } = await import('../commands/setup.js');
      await act(options, (context) => setUpCuda(context, undefined, { withoutGpu }));
    });
  addDeviceOptions(add(MACHINE, 'worker', 'serve task queues of a Temporal service', WORKER_HELP))
    .addOption(new Option('--queues <list>', 'main, gpu, cpu, separated by commas, or all').default('all'))
    .option(
      '--models <list>',
      'of gpu, only the queues of these models that have a route, or "unrouted" (default: every queue of models)',
    )
    .option(
      '--concurrency <number>',
      'activities at once on each queue of models, and on cpu (default: 40, and twice the cores)',
      wholeNumberFrom1,
    )
    .option('--identity <name>', 'its name for Temporal and for people (default: PID@HOST:QUEUES)')
    .option(
      '--listen <port>',
      'serve /health, /ready and /metrics at this port of 127.0.0.1; 0 for any',
      port,
    )
    .option('--drain-seconds <seconds>', 'how long stopping may take', wholeNumberFrom1, 10)
    .option('--deployment <name>', 'worker deployment of the server that this worker belongs to')
    .option(
      '--build-id <id>',
      'its version in that deployment; "auto" makes one of version and workflow code',
    )
    .option('--set-current', 'make that version the current one, as soon as the server lets it')
    .option(
      '--record-routes',
      'record its file of routes in the database, in place of the routes that all machines use',
    )
    .action(async (options: GlobalOptions & WorkerOptions) => {
      const { serveQueues } = await import('../commands/worker.js');
      await act(options, (context) => serveQueues(context, options));
    });
  add(MACHINE, 'web-ui', "put a guard before a Temporal service's web UI", WEB_UI_HELP)
    .argument('<address>', 'where that UI answers, HOST:PORT')
    .option('--listen <address>', 'IP address and port for browsers, port 0 for any', '127.0.0.1:8080')
    .action(async (address: string, options: WebUiFlags) => {
      const { guardWebUi } = await import('../commands/web-ui.js');
      exitWith(await guardWebUi(address, options));
    });
  addDeviceOptions(add(MACHINE, 'doctor', 'check this machine and all that is stored', DOCTOR_HELP))
    .option('--experiment <id>', 'check the rows of this experiment only')
    .option('--deep', 'also decode every picture')
    .option('--limit <number>', 'violations that are named; the others are counted', wholeNumber, 100)
    .option('--fix', 'mend what can be recomputed, and delete what is derived or left behind; asks first')
    .option('--cut-back', 'with --fix: also give up steps that cannot be proven, and all that follows them')
    .option('--yes', 'with --fix: do not ask')
    .option(
      '--delete-objects <number>',
      'with --fix: delete this number of pictures that nothing mentions, however many that is',
      wholeNumber,
    )
    .action(async (options: GlobalOptions & DoctorFlags) => {
      const { experiment, deep = false, limit, fix = false, cutBack = false, yes = false } = options;
      const { deleteObjects } = options;
      if (!fix && (cutBack || yes || deleteObjects !== undefined)) {
        throw new PanicError(
          'InvalidInput',
          '--cut-back, --yes and --delete-objects say how to mend; they go with --fix',
        );
      }
      if (fix) {
        const { fix: mend } = await import('../doctor/fix.js');
        await act(options, (context) =>
          mend(context, { experiment, deep, limit, cutBack, yes, deleteObjects }),
        );
        return;
      }
      const { examine } = await import('../commands/doctor.js');
      const { lenientContextOf } = await import('../context.js');
      // `doctor` must also examine an environment that other commands refuse.
      exitWith(await examine(await lenientContextOf(options), { experiment, deep, limit }));
    });
  add(MACHINE, 'completion', 'a script that lets your shell complete panic-tda', COMPLETION_HELP)
    .addArgument(new Argument('<shell>', 'your shell').choices(SHELLS))
    .action(async (shell: Shell, { json = false }: GlobalOptions) => {
      const { printCompletion } = await import('../commands/completion.js');
      exitWith(printCompletion(shell, json));
    });
  program
    .command(COMPLETE_WORDS, { hidden: true })
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .argument('[words...]')
    .action(async (shell: Shell, words: readonly string[]) => {
      const { printWords } = await import('../commands/completion.js');
      exitWith(await printWords(program, shell, words));
    });
  return program;
}

interface ShowOptions extends GlobalOptions {
  readonly experimentFile?: boolean;
}

interface SetupFlags extends DatabaseFlags {
  readonly withoutGpu?: boolean;
}

interface DoctorFlags {
  readonly experiment?: string;
  readonly deep?: boolean;
  readonly limit: number;
  readonly fix?: boolean;
  readonly cutBack?: boolean;
  readonly yes?: boolean;
  readonly deleteObjects?: number;
}

/** `show <id> [run]`. The options are in the help of the command itself. */
function subcommandTerm(command: Command): string {
  const words = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  return [command.name(), ...words].join(' ');
}

const RUN = 'Run experiments:';
const LOOK = 'Look at them:';
const KEEP = 'Keep and clear:';
const MACHINE = 'This machine:';
const ID = 'id of an experiment, or the beginning of one ("panic-tda list" shows them)';

interface TakeOver {
  readonly takeOver?: boolean;
}

/** What `pause` and `resume` mean: one experiment, one run of it, or all. */
interface Selection {
  readonly run?: number;
  readonly all?: boolean;
}

function selected(
  verb: string,
  id: string | undefined,
  { run, all }: Selection,
): 'all' | { readonly id: string | undefined } {
  if (all !== true) return { id };
  if (id === undefined && run === undefined) return 'all';
  throw new PanicError(
    'InvalidInput',
    `${verb}: --all stands alone, without an experiment and without --run`,
  );
}

/** The given id, or the id of the only experiment that fits the command. */
async function meant(
  context: Context,
  verb: VerbWithoutId,
  id: string | undefined,
  run: number | undefined,
): Promise<string> {
  if (id !== undefined) return id;
  const { meantExperiment } = await import('../lookup/meant-experiment.js');
  return await meantExperiment(context, verb, run !== undefined);
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError('Expected a number of seconds, such as 30.');
  }
  return value;
}

function wholeNumberFrom1(text: string): number {
  const value = Number(text);
  if (!/^\d{1,6}$/.test(text) || value < 1)
    throw new InvalidArgumentError('Expected a whole number, 1 or more.');
  return value;
}

function port(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65_535) {
    throw new InvalidArgumentError('Expected a port of this machine, 0 to 65535.');
  }
  return value;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('Expected a whole number, 0 or more.');
  }
  return value;
}

const MAIN_HELP = `
Examples:
  panic-tda run experiment.json        run it; the same command continues it after a Ctrl-C or a crash
  panic-tda status                     from another terminal, how far it is
  panic-tda show 3f2a 0                the trajectory of run 0 of the experiment whose id begins with 3f2a
  panic-tda show 3f2a 0 --json | jq    the same with every bar of its diagrams

Every command takes --data FOLDER, --database URL and --json. In a clone, type "npx panic-tda".

${EXIT_CODE_HELP}

Environment: PANIC_TDA_DATA, PANIC_TDA_MODELS, PANIC_TDA_CATALOGUE, PANIC_TDA_CACHE, PANIC_TDA_DEVICE,
PANIC_TDA_ALLOW_FALLBACK, PANIC_TDA_GPU_MEMORY, PANIC_TDA_RAM, PANIC_TDA_TEMPORAL_CLI ("panic-tda doctor" explains those
that are set); TEMPORAL_ADDRESS and the SDK's other variables name a Temporal service to use instead of an embedded
one. NODE_DEBUG=panic-tda prints the stack of an unexpected error.`;

const RUN_EXITS = `If a database, a place of objects or a Temporal service stops answering, the command waits for it, as long as it takes.

Exit codes: 0 completed, 1 the experiment failed or ended with failed runs, 2 the request is wrong (nothing was done), 3 cancelled from
elsewhere or paused, 4 how it ended is not known (a service refuses or did not answer at the start, or a process was given up), 130 / 143 / 129
stopped by Ctrl-C / SIGTERM / a closed terminal. After 3 and above, resume continues.`;

const READ_EXITS =
  'Exit codes: 0 done, 2 no such experiment or data folder, 4 the database does not answer. Needs no server and changes nothing.';

const RUN_HELP = `Starts a Temporal server and workers of its own and stops them at the end; with TEMPORAL_ADDRESS set it uses the
service and the workers that are there. Work that is complete in the data folder is not done again. Progress goes to
standard error, the summary (with --json one document) to standard output.

Models with files stay loaded while they fit into --gpu-memory or --ram; otherwise they take turns, each until its queue
is empty.

Examples:
  panic-tda run experiment.json
  panic-tda run experiment.json --json > summary.json
  panic-tda run experiment.json --device cuda --gpu-memory 20GiB

${RUN_EXITS}`;

const RESUME_HELP = `The experiment file is not needed: the data folder has it. Failed runs stay failed; see retry.
If a workflow of the experiment is open and paused, the command ends the pause and returns. Otherwise it runs the experiment
to its end, as "run" does. Runs that were paused one by one stay paused until "resume ID --run INDEX".

An experiment that another Temporal service has is left alone, since this machine cannot see whether it still runs; --take-over
continues it here. If the other service still runs it after all, both work on it until one of them is cancelled: no row is
wrong then, but steps are computed twice.

${RUN_EXITS}`;

const PAUSE_HELP = `Nothing new begins, and work under way is given up within seconds; every stored step stays. The database keeps the
pause: it outlasts workers, servers and a second start, until "panic-tda resume". An experiment that no process runs now
will not continue either. A paused run keeps its place among those that run at once.

Examples:
  panic-tda pause
  panic-tda pause 3f2a
  panic-tda pause 3f2a --run 12
  panic-tda pause --all

Exit codes: 0 paused, 4 written down but the workflow did not receive it, 2 nothing to pause or no such experiment.`;

const RETRY_HELP = `Each failed run continues from its last stored invocation. The log keeps its earlier failures. If another process runs
the experiment, that process takes the failed runs when its other runs have ended.

${RUN_EXITS}`;

const CANCEL_HELP = `Waits until the database says that every run has stopped. All stored rows stay, and "panic-tda resume" continues.
With --run the other runs continue, and the experiment ends with an unfinished run.

Exit codes: 0 cancelled, 2 nothing is running or no such experiment, 4 it did not end within the time.`;

const PLAN_HELP = `Counts are upper bounds, since a run ends early at a cycle; bytes are estimates. Times of models come from the data
folder's own history; for models that come with the program they may come from one measurement on another machine. Times of
diagrams follow a measured model, on one core, as if each diagram had the most points. The memory of the largest diagram is
the most that its computation is predicted to allocate.
The end of the plan names what a run would refuse: models whose files are missing or do not belong together (as far as
configurations, tokenizers and the declarations of graphs say), servers that do not answer, a chosen device that does not
work, models that do not fit, and a data folder that cannot be written to.

Exit codes: 0 the file is good, 2 it is not (every problem is listed).`;

const LIST_HELP = `Newest first. A status of "interrupted" means that the database has work under way, and that no process of the
data folder (nor the service of TEMPORAL_ADDRESS) does it.

Exit codes: 0 done (also if there are none).`;

const STATUS_HELP = `The pace is that of the last minute, and the time left is an upper bound for the invocations. Works with and without a
server: everything comes from the database, except whether a process is at work.

${READ_EXITS}`;

const SHOW_HELP = `Without RUN: a table of the runs, with the persistence entropy (natural logarithm, finite bars) of each diagram.
With RUN: each invocation, the failed attempts, and the longest bars of each diagram.

With RUN, --json has every bar as [birth, death], where a death of null is infinite, and the Betti curve of each
dimension at the diagram's bettiThresholds: 101 evenly spaced from 0 to its last finite birth or death.

With --experiment-file: the experiment as a file that "run" takes. Its drawn_seeds are those of the runs of seed -1, so
that another data folder gets the same runs: panic-tda show 3f2a --experiment-file > again.json

${READ_EXITS}`;

const VERIFY_HELP = `Calls the models of this machine with stored inputs and seeds, and says whether the outputs have equal bytes, are pictures
of equal pixels within the tolerance, or are different. It also says where the model, its files, the runtime, the device or
the batch is no longer the same. Steps that were copied or filled from a cycle are not in the sample. Needs no server and
changes nothing.

Examples:
  panic-tda verify 3f2a
  panic-tda verify 3f2a --sample 20 --sample-seed 7

Exit codes: 0 none is different, 1 some are, or could not be made, 2 the request is wrong.`;

const MERGE_HELP = `Reads the source and changes nothing there; --data names the folder that gets what it lacks, or
PANIC_TDA_DATABASE the database of several machines. Both must be idle. The command first checks the invariants of the source,
then the digest of each picture as it copies it, and at the end the rows that it added. Each experiment is added in one
transaction: after an interruption, the same command continues.

An experiment that both have gets what the target lacks (further invocations of a run, vectors, diagrams), if everything that
both have is equal. Otherwise the command names each run that differs (a run of seed -1 that was planned twice, another
output) and leaves the experiment as it is; for runs of seed -1 it says how to have both.

Examples:
  panic-tda merge ../laptop/panic-tda-data --dry-run
  panic-tda merge ../laptop/panic-tda-data --data ./panic-tda-data

Exit codes: 0 merged, or nothing to do, 1 some experiments do not agree, or an invariant is broken, 2 the request is wrong.`;

const DELETE_HELP = `Says what will go and what stays because another experiment has it too, and asks. Refused while the experiment is running.
The rows are deleted in steps, and each step leaves the other rows sound. After an interruption the experiment is shown as
"deleting", and the same command deletes the rest. The database file keeps its size and uses the room again. --compact makes
it smaller: this needs up to twice the size of the remaining data on the disk, and no other process may run experiments in
the data folder.

Examples:
  panic-tda delete 3f2a
  panic-tda delete 3f2a --yes --compact

Exit codes: 0 deleted, or the answer was no, 1 it was cut off, 2 it is running, there is none, or there is no terminal to ask at.`;

const BACKUP_HELP = `Copies the database as it is at one moment, then every picture that it mentions, each compared with its SHA-256, then
routes.json. Runs and workers continue meanwhile. Pictures are copied from every kind of place, also from a bucket. The copy is a data
folder: "--data FOLDER" takes it as it is. Temporal's state, logs, locks and keys are not in it; work continues from the rows.

If FOLDER has an earlier backup, the command brings it up to date: it reads and compares the pictures there and copies only new ones; then
the new database takes the place of the old one. Until that moment the earlier backup stays as it was, however the command ends, and the same
command continues. Nothing is deleted in FOLDER. A FOLDER that holds something else, or that runs have used since, is refused.

This command copies no Postgres database: docs/backup.md has the commands for it and for its bucket.

Example:
  panic-tda backup /mnt/backup/panic-tda && panic-tda doctor --deep --data /mnt/backup/panic-tda

Exit codes: 0 FOLDER is a backup of now, 1 it is one, except for pictures that the data folder itself lacks; or the disk is full or something failed
(FOLDER is then what it was before), 2 the request is wrong (nothing was done), 130 / 143 / 129 stopped by Ctrl-C / SIGTERM / a closed terminal.`;

const UPGRADE_HELP = `A newer panic-tda may need tables that an older one did not make. Commands that only look, such as "list" and "show", then
refuse the data folder and name this command. It copies the database into a file beside it, with the date in its name, and
then changes the tables in one transaction. It does not touch pictures. After an interruption the database has either the old
version or the new one, and the same command continues. Refused while a run or a worker uses the folder.

The command copies no Postgres database: it says what to back up, and which command changes the tables.
--check also says which versions read and write the tables, and which migrations are missing.

Examples:
  panic-tda upgrade --check
  panic-tda upgrade

Exit codes: 0 of this version (now), 1 --check found an older one, 2 it is in use, of a newer version, or there is none.`;

const SETUP_HELP = `cuda: models with files run on onnxruntime, whose package has CUDA for Linux on x64 except one library of some 300 MB. This
fetches it from NuGet into node_modules, records its SHA-256, and runs a tiny graph on the GPU. The library itself
says which version of CUDA it was built for; if CUDA, cuDNN or the driver is missing, this says how to get it. A damaged
library is fetched again.

database: makes the tables of the Postgres database of --database or PANIC_TDA_DATABASE, or brings them up to date. "run" and
"worker" do that by themselves if their role may; with --app-role NAME they can use a role that may not. With --check it
says of which version the tables are, which versions read and write them, which migrations are missing, and who is connected;
it changes nothing. Most migrations add to the tables, and workers of the version before go on. One that does not is
refused while such workers are connected; --wait SECONDS tells them to give their work back and end (those of version 0.2.0 and
later look every 5 seconds), and migrates when the last one has.

Examples:
  panic-tda setup database --check
  panic-tda setup database --wait 120

Exit codes: 0 done, 1 --check found work to do, CUDA does not work or the database does not answer (it says why), 2 the request
is wrong.`;

const COMPLETION_HELP = `Completes commands, options and their values, files and folders, ids of experiments of the data folder, and names of models. The
script asks the panic-tda of your PATH at each Tab ("npm link" in a clone puts it there), so that it is never out of date.

  bash   echo 'source <(panic-tda completion bash)' >> ~/.bashrc
  zsh    echo 'source <(panic-tda completion zsh)' >> ~/.zshrc
  fish   panic-tda completion fish > ~/.config/fish/completions/panic-tda.fish

Exit codes: 0 printed, 2 the request is wrong.`;

const WORKER_HELP = `The service is that of TEMPORAL_ADDRESS or Temporal's configuration file (default 127.0.0.1:7233), with TLS and keys.
Queues: main (workflows and book-keeping), gpu (models), cpu (diagrams). Models that routes.json in the data folder
gives a route, { "MODEL": "route" }, are on the queue panic-tda-gpu-ROUTE instead of panic-tda-gpu. The first worker with such a
file records it in the database, and all machines use that from then on, with a file or without; --record-routes replaces it.
All workers and commands of an experiment need the same catalogue entries and store.

Ctrl-C or SIGTERM: the worker takes no new work, reports stored steps, and gives work under way back at once, so that
another worker continues it. After --drain-seconds, or at a second signal, it ends as it is.

With --deployment and --build-id the worker takes part in the server's worker deployments: it gets work when its
version is made the current one, and then gets all. Until some version is current, runs of that queue wait. A build id stands for
one workflow code; "auto" makes one of the version and the digest of that code.

Examples:
  panic-tda worker --queues main,cpu
  panic-tda worker --queues gpu --models unrouted --listen 9464
  panic-tda worker --queues gpu --models FluxSchnell --concurrency 8
  panic-tda worker --queues main --record-routes
  panic-tda worker --deployment panic-tda --build-id auto --set-current

Exit codes: 0 stopped, 1 failed or not stopped in time, 2 it cannot work (the request is wrong, the service does not answer
or refuses it, its namespace is not there, its address space is limited, its build id is of other code), 5 the tables are of a
newer version, to which it may not write (it looks every 5 seconds), 130 / 143 stopped at once by a second Ctrl-C / SIGTERM.`;

const WEB_UI_HELP = `Temporal's web UI answers to every name, so that a page of another site may read workflows with their inputs, and end them.
This command passes on requests of your browser to "localhost", an IP address or a name in PANIC_TDA_HTTP_NAMES, and refuses
pages of other sites. "run" guards its own web UI so. Let the UI itself listen on a port that browsers open for no page, such
as 6666.

Example:
  temporal server start-dev --ui-port 6666 --http-port 6668 --metrics-port 6669
  panic-tda web-ui 127.0.0.1:6666

Exit codes: 0 stopped, 2 the request is wrong, or its port is taken.`;

const DOCTOR_HELP = `Looks at Node, the environment, the Temporal CLI (which, and why that one), the data folder, processes that a killed run
left behind, the devices (by running a tiny graph on each), model files, and every invariant of the stored rows and objects.
Changes nothing, and may run beside workers; the rows are those of one moment.

With --fix it looks only at the stored rows, says what it would do, asks, does it and looks again. No other process may use the
data folder, or write to the database, meanwhile. It restores what the plan and the other rows prove. It asks models again,
and keeps an output that has the recorded SHA-256. It deletes derived rows (vectors, diagrams, surrogates), which "resume"
then makes again, and what nothing mentions: up to 100 pictures or one in a hundred, and more only if --delete-objects names
their exact number. It leaves pictures alone in a place that belongs to another database ("panic-tda objects use --help").
It deletes steps only with --cut-back: then it cuts runs back to their last good step.

Examples:
  panic-tda doctor --json | jq '.findings[].violation'
  panic-tda doctor --fix
  panic-tda doctor --fix --yes && panic-tda resume 3f2a

Exit codes: 0 no problem (with --fix: none left), 1 a problem was found (FAIL; with --fix: is left, or pictures that are too many to be deleted), 2 the request is wrong,
or another process uses the data folder or the database (with --fix).`;
