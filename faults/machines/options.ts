import { parseArgs } from 'node:util';
import { CommandError } from '../../bench/common/command.js';
import { errorMessage } from '../../common/errors.js';

export interface HostsOptions {
  /** Runs of the experiment; each is a chain of models that take 100 ms. */
  readonly runs: number;
  /** For how long the server's cable is out, and for how long packets are dropped. */
  readonly cutSeconds: number;
  /** Where logs, databases and objects are left. Undefined: a temporary folder that is removed. */
  readonly keep: string | undefined;
}

const USAGE = `npm run hosts -- [--runs 100] [--cut 60] [--keep FOLDER]

  --runs N      runs of the experiment, of some 100 invocations that take 100 ms each; it must outlast the events
  --cut SECONDS for how long the cable of the server's host is out, and later packets are dropped
  --keep FOLDER leave logs and data there; the folder must be new`;

/** Options of the command line. Throws a CommandError that names an option that cannot be used. */
export function readOptions(words: readonly string[]): HostsOptions {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...words],
      options: {
        runs: { type: 'string', default: '100' },
        cut: { type: 'string', default: '60' },
        keep: { type: 'string' },
      },
    }));
  } catch (error) {
    throw new CommandError(`${errorMessage(error)}\n${USAGE}`);
  }
  return {
    runs: whole('runs', values.runs, 12, 100_000),
    cutSeconds: whole('cut', values.cut, 1, 3600),
    keep: values.keep,
  };
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new CommandError(
    `--${option} is ${text}; expected a whole number from ${least} to ${most}\n${USAGE}`,
  );
}
