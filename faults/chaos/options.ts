import { parseArgs } from 'node:util';
import { CommandError } from '../../bench/common/command.js';
import { errorMessage } from '../../common/errors.js';

export interface ChaosOptions {
  /** Decides everything that is random. */
  readonly seed: number;
  /** No round begins after this time. */
  readonly minutes: number;
  /** The first round, and the maximum number of rounds. */
  readonly first: number;
  readonly rounds: number;
  /** Print what would happen, and do nothing. */
  readonly plan: boolean;
  /**
   * Where folders of all rounds are left. Undefined: only those of failing rounds, in the system's folder for
   * temporary files.
   */
  readonly keep: string | undefined;
}

export const USAGE = `npm run chaos -- [--seed N] [--minutes 10] [--rounds K | --round R] [--plan] [--keep FOLDER]

  --seed N      decides everything that is random: experiments, deployments, faults and their moments; drawn where it is missing
  --minutes M   begin no round later than this
  --rounds K    the first K rounds of the seed
  --round R     round R alone, counted from 0
  --plan        print what would happen, and do nothing
  --keep FOLDER leave what every round made there, also where nothing was wrong; the folder must be new`;

const MOST_SEED = 2 ** 32 - 1;
const MOST_ROUNDS = 10_000;
const DAY = 1440;
const MINUTES = 10;

/**
 * Options of the command line. `draw` gives the seed if there is none. Throws a CommandError that names an
 * option that cannot be used.
 */
export function readOptions(words: readonly string[], draw: () => number): ChaosOptions {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...words],
      options: {
        seed: { type: 'string' },
        minutes: { type: 'string' },
        rounds: { type: 'string' },
        round: { type: 'string' },
        plan: { type: 'boolean', default: false },
        keep: { type: 'string' },
      },
    }));
  } catch (error) {
    throw new CommandError(`${errorMessage(error)}\n${USAGE}`);
  }
  const { seed, minutes, rounds, round, plan, keep } = values;
  if (rounds !== undefined && round !== undefined) {
    throw new CommandError(`--round names one round, and --rounds says how many; give one of them\n${USAGE}`);
  }
  if (round !== undefined && seed === undefined) {
    throw new CommandError(`--round ${round} of which seed? Give --seed, too\n${USAGE}`);
  }
  // A number of rounds is a limit of its own.
  const limit = rounds === undefined && round === undefined ? MINUTES : DAY;
  return {
    seed: seed === undefined ? draw() : whole('seed', seed, 0, MOST_SEED),
    minutes: minutes === undefined ? limit : whole('minutes', minutes, 1, DAY),
    first: round === undefined ? 0 : whole('round', round, 0, MOST_ROUNDS - 1),
    rounds:
      round === undefined
        ? rounds === undefined
          ? MOST_ROUNDS
          : whole('rounds', rounds, 1, MOST_ROUNDS)
        : 1,
    plan,
    keep,
  };
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new CommandError(
    `--${option} is ${text}; expected a whole number from ${least} to ${most}\n${USAGE}`,
  );
}
