import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CommandError } from '../../bench/common/command.js';
import { errorMessage } from '../../common/errors.js';

export interface RehearsalOptions {
  readonly runs: number;
  /** Invocations of each run. */
  readonly length: number;
  /** Path of the page. */
  readonly page: string;
  /** Whether the page is only read. */
  readonly read: boolean;
}

export const USAGE = `npm run rehearse-upgrade -- [--runs 20] [--length 120] [--page FILE] [--read]

  --runs N, --length M runs of the experiment that is under way, and invocations of each
  --page FILE          another page than docs/upgrading.md
  --read               only compare the page with the steps that the rehearsal knows`;

/** Options of the command line. Throws a CommandError that names an option that cannot be used. */
export function readOptions(words: readonly string[], clone: string): RehearsalOptions {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...words],
      options: {
        runs: { type: 'string', default: '20' },
        length: { type: 'string', default: '120' },
        page: { type: 'string', default: join(clone, 'docs/upgrading.md') },
        read: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new CommandError(`${errorMessage(error)}\n${USAGE}`);
  }
  const { runs, length, page, read } = values;
  return { runs: whole('runs', runs, 2), length: whole('length', length, 40), page, read };
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (/^\d{1,4}$/.test(text) && value >= least) return value;
  throw new CommandError(`--${name}: found "${text}"; a whole number from ${least} on\n${USAGE}`);
}
