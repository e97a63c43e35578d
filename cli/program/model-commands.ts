import type { Command } from 'commander';
import { PanicError } from '../../common/errors.js';
import type { Context, GlobalOptions } from '../context.js';
import { describeCommand } from './describe-command.js';

type Act = (options: GlobalOptions, work: (context: Context) => Promise<number> | number) => Promise<void>;

/** `panic-tda models …`: the catalogue, and the files of its models. */
export function addModelCommands(models: Command, act: Act): void {
  function add(usage: string, description: string, details: string): Command {
    return describeCommand(models.command(usage), description, details);
  }

  models
    .usage('[name] | <command> [options]')
    .helpCommand(false)
    .argument('[name]', 'the same as show NAME; without it, as list')
    .option('--ready', READY)
    .action(async (name: string | undefined, options: GlobalOptions & ReadyOption) => {
      const { ready = false } = options;
      if (name !== undefined && ready) {
        throw new PanicError('InvalidInput', '--ready is for the list of models; leave the name out');
      }
      const { listModels, showModel } = await import('../commands/models.js');
      await act(options, (context) =>
        name === undefined ? listModels(context, { ready }) : showModel(context, name),
      );
    });
  add('list', 'every model, and whether its files are there', LIST_HELP)
    .option('--ready', READY)
    .action(async (_: GlobalOptions, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & ReadyOption>();
      const { listModels } = await import('../commands/models.js');
      await act(options, (context) => listModels(context, { ready: options.ready ?? false }));
    });
  add('show', 'one model in full', SHOW_HELP)
    .argument('<name>', NAME)
    .action(async (name: string, _: GlobalOptions, command: Command) => {
      const { showModel } = await import('../commands/models.js');
      await act(command.optsWithGlobals<GlobalOptions>(), (context) => showModel(context, name));
    });
  add('pull', 'get the files of models from their hub', PULL_HELP)
    .argument('<names...>', NAME)
    .action(async (names: string[], _: GlobalOptions, command: Command) => {
      const { pullFiles } = await import('../commands/models-pull.js');
      await act(command.optsWithGlobals<GlobalOptions>(), (context) => pullFiles(context, names));
    });
  add('verify', 'hash files and compare them with the lock file', VERIFY_HELP)
    .argument('[names...]', `${NAME}; default: all that have files on this machine`)
    .action(async (names: string[], _: GlobalOptions, command: Command) => {
      const { verifyFiles } = await import('../commands/models-verify.js');
      await act(command.optsWithGlobals<GlobalOptions>(), (context) => verifyFiles(context, names));
    });
  add('remove', 'delete the files of a model', REMOVE_HELP)
    .argument('<name>', NAME)
    .option('--yes', 'do not ask')
    .action(
      async (name: string, { yes = false }: GlobalOptions & { readonly yes?: boolean }, command: Command) => {
        const { removeFiles } = await import('../commands/models-remove.js');
        await act(command.optsWithGlobals<GlobalOptions>(), (context) => removeFiles(context, name, { yes }));
      },
    );
  add('path', 'the folder of a model’s files, for scripts', PATH_HELP)
    .argument('<name>', NAME)
    .action(async (name: string, _: GlobalOptions, command: Command) => {
      const { printModelPath } = await import('../commands/models.js');
      await act(command.optsWithGlobals<GlobalOptions>(), (context) => printModelPath(context, name));
    });
}

interface ReadyOption {
  readonly ready?: boolean;
}

const READY =
  'only those that a run can use now: their files are verified, they need none, or their server answers';
const NAME = 'name of a model ("panic-tda models list" shows them)';

export const MODELS_HELP = `Built-in models need no files. For the others, pull gets the files, and a run uses only what the lock file
(models.lock.json in the models folder) has as verified. Nothing is ever downloaded during a run.

Examples:
  panic-tda models                     the same as panic-tda models list
  panic-tda models --ready             only those that a run can use now
  panic-tda models pull AllMiniLML6v2
  panic-tda models AllMiniLML6v2       the same as panic-tda models show AllMiniLML6v2

Models of your own: PANIC_TDA_CATALOGUE=FILE, or catalogue.json in the models folder (docs/models.md).

Exit codes: 0 done, 1 some files are not as they should be, 2 no such model, or a catalogue file is wrong.`;

const LIST_HELP = `files: "verified" may be used; "not verified" needs "models verify"; "missing" needs "models pull".

Exit codes: 0 done, 2 a catalogue file is wrong (every problem is listed).`;

const SHOW_HELP = `Says its settings, where its files are or belong, and their hashes in the lock file.

Exit codes: 0 done, 2 no such model, or one that cannot be run (with the reason, and what to take instead).`;

const PULL_HELP = `Asks the hub of HF_ENDPOINT (default https://huggingface.co). A branch name is pinned to its commit at the first pull,
for good. There must be room on the disk before anything is downloaded. An interrupted download continues where it stopped.
Every file is hashed as it comes and compared with what the hub and the catalogue know of it; it gets its name when it is
right, and its hash goes into the lock file. Gated models need HF_TOKEN, an access token of an account that has agreed to
the model's terms; it is sent to the hub alone, and never stored.

Exit codes: 0 all files are there, 1 some could not be had (the others are there), 2 the request is wrong,
130 / 143 / 129 stopped by Ctrl-C / SIGTERM / a closed terminal; the same command continues.`;

const VERIFY_HELP = `Each file is ok, CHANGED, MISSING or new. Files put there by hand are new at first: nothing is known of them, so
verify trusts them as they are, records them in the lock file, and compares them with that from then on. Graphs are checked before they get in:
weights lie in files of the model's own folder, and custom operators are off.

Exit codes: 0 all are as they should be, 1 some are changed or missing, 2 no such model, or a graph is refused.`;

const REMOVE_HELP = `Deletes the files that the lock file lists for this model and that no other model uses, and its entry. For a model in a local
folder of your own, it deletes only the entry. Refused while a run uses the model. Asks on a terminal; elsewhere --yes is needed.

Exit codes: 0 removed, 2 nothing was removed (no such model, not in the lock file, in use, or not confirmed).`;

const PATH_HELP = `Exit codes: 0 its files are there and verified, or it needs none (nothing is printed); 1 they are not; 2 no such model.`;
