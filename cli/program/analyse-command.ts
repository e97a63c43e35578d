import { type Command, InvalidArgumentError, Option } from 'commander';
import { PanicError } from '../../common/errors.js';
import type { Context, GlobalOptions } from '../context.js';

type Act = (options: GlobalOptions, work: (context: Context) => Promise<number>) => Promise<void>;

interface AnalyseFlags {
  readonly model?: string;
  readonly horizon?: number;
  readonly groups?: string;
  readonly csv?: string;
  readonly by?: 'output';
}

/** `panic-tda analyse ID… runs|symbols`: what runs of experiments have in common. */
export function addAnalyseCommand(command: Command, id: string, act: Act): void {
  command
    .usage('[options] <id...> <runs|symbols>')
    .argument('<id...>', `${id}; several experiments are analysed together`)
    .option('--model <name>', 'only this embedding model; default: each one, by itself')
    .option(
      '--horizon <invocations>',
      'length at which runs are compared; default: the max_length of the experiment',
      invocations,
    )
    .option('--groups <file>', 'runs: CSV file with the columns prompt and group, for groups of paraphrases')
    .addOption(new Option('--by <what>', 'symbols: what a symbol is').choices(['output']))
    .option('--csv <folder>', 'also write tables to this folder, which is empty or not there yet')
    .action(async (words: readonly string[], flags: GlobalOptions & AnalyseFlags) => {
      const { splitWords } = await import('../analysis/request.js');
      const { ids, what } = splitWords(words);
      const { model, horizon, groups, csv, by, ...options } = flags;
      if (what === 'symbols') {
        if (groups !== undefined)
          throw new PanicError('InvalidInput', '--groups belongs to "analyse ID runs"');
        const { analyseSymbols } = await import('../commands/analyse-symbols.js');
        await act(options, (context) => analyseSymbols(context, { ids, model, horizon, csv }));
        return;
      }
      if (by !== undefined) throw new PanicError('InvalidInput', '--by belongs to "analyse ID symbols"');
      const { analyseRuns } = await import('../commands/analyse-runs.js');
      await act(options, (context) => analyseRuns(context, { ids, model, horizon, groups, csv }));
    });
}

const MOST_INVOCATIONS = 1_000_000;

function invocations(text: string): number {
  const value = Number(text);
  if (!/^\d{1,7}$/.test(text) || value < 1 || value > MOST_INVOCATIONS) {
    throw new InvalidArgumentError('Expected a number of invocations, 1 to 1000000.');
  }
  return value;
}

export const ANALYSE_HELP = `Each embedding model and each network is analysed by itself. Only finished runs of experiments that have ended count; the
output names what is left out. A run that stopped at an exact cycle is extended by it to the horizon; the other runs are cut at
the shortest. A value that is not defined is "-" (null in JSON, empty in CSV), with its reason.

runs  divergence of pairs over time; whether prompts end in one place (distances within and between prompts, recovery of the
      prompt, PERMANOVA with PERMDISP beside it, energy); survival of absorption by exact cycles; what stored
      numbers of runs owe to network, prompt and seed. Every p-value of the call is in
      one family: q is by Benjamini and Hochberg, and Holm's adjusted p stands beside it below 20 tests.

symbols  each exact output is a symbol: dwell times, transitions within runs, a matrix and its closed classes for each network,
      and whether the order of symbols differs from a random one. The symbols are captions, or pictures where a network makes no
      captions; with --model, the outputs that this model embeds.

docs/analysis.md says how to read each figure, and what it does not say.

Examples:
  panic-tda analyse 3f2a runs
  panic-tda analyse 3f2a 81bc runs --model Nomic --csv tables
  panic-tda analyse 3f2a runs --horizon 1000 --json > runs.json
  panic-tda analyse 3f2a symbols --csv bigrams

Exit codes: 0 done, 2 the request is wrong, or needs more memory than there is (nothing was done), 4 the database does not answer,
130 / 143 / 129 stopped by Ctrl-C / SIGTERM / a closed terminal (no table was written). Changes nothing that is stored.`;
