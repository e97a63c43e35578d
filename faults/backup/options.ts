import { parseArgs } from 'node:util';
import { CommandError } from '../../bench/common/command.js';
import { errorMessage } from '../../common/errors.js';

const HALVES = ['sqlite', 'postgres'] as const;
export type Half = (typeof HALVES)[number];

export interface BackupOptions {
  readonly halves: readonly Half[];
  readonly runs: number;
  /** Invocations of each run; every second one takes a tenth of a second. */
  readonly length: number;
  /** The S3 service, if it is built already. */
  readonly versitygw: string | undefined;
}

export const USAGE = `npm run prove-backup -- [--only sqlite|postgres] [--runs 6] [--length 100] [--versitygw PROGRAM]

  --only HALF          prove the one half alone, on a machine that lacks what the other needs
  --runs N, --length M runs of the experiment, and invocations of each
  --versitygw PROGRAM  the S3 service; by default it is built by Go once`;

/** Options of the command line. Throws a CommandError that names an option that cannot be used. */
export function readOptions(words: readonly string[]): BackupOptions {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...words],
      options: {
        only: { type: 'string' },
        runs: { type: 'string', default: '6' },
        length: { type: 'string', default: '100' },
        versitygw: { type: 'string' },
      },
    }));
  } catch (error) {
    throw new CommandError(`${errorMessage(error)}\n${USAGE}`);
  }
  const { only, runs, length, versitygw } = values;
  const half = HALVES.find((name) => name === only);
  if (only !== undefined && half === undefined) throw new CommandError(`--only: found "${only}"\n${USAGE}`);
  return {
    halves: half === undefined ? HALVES : [half],
    runs: whole('runs', runs, 1),
    length: whole('length', length, 20),
    versitygw,
  };
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (/^\d{1,6}$/.test(text) && value >= least) return value;
  throw new CommandError(`--${name}: found "${text}"; a whole number from ${least} on\n${USAGE}`);
}
