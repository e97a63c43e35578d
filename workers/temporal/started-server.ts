import {
  closeSync,
  constants,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { z } from 'zod';
import { PanicError } from '../../common/errors.js';
import { readRegularFileNow } from '../../common/regular-file.js';
import {
  endsWithWords,
  hasWords,
  ownProcess,
  ownProcesses,
  type OwnProcess,
} from '../processes/own-processes.js';

/**
 * Which process the embedded server on a file is, written down beside it before each start, so that a later run recognises one that
 * outlived its supervisor, and ends no other process: an editor, say, has the path of the file in its words as well.
 */

const startedServer = z.strictObject({
  command: z.string().min(1),
  args: z.array(z.string()).min(1),
  /** Once it runs. */
  pid: z.int().optional(),
  startedAt: z.string().optional(),
});
type StartedServer = z.output<typeof startedServer>;

/** The words that start one server. */
const MOST_RECORD_BYTES = 2 ** 20;

/** Writes down what is about to be started on a file, and by `pid` what it became. */
export function recordServer(
  databaseFile: string,
  started: Pick<StartedServer, 'command' | 'args'>,
  pid?: number,
): void {
  const process = pid === undefined ? undefined : ownProcess(pid);
  const record = { ...started, ...(process && { pid: process.pid, startedAt: process.startedAt }) };
  const file = recordFile(databaseFile);
  // Made anew: in a folder that others have filled, a link may have this name.
  rmSync(`${file}.new`, { force: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(record)}\n`, { flag: 'wx' });
  renameSync(`${file}.new`, file);
}

/**
 * Servers on a file that were started as the record says: processes of this user, of the same program, with exactly the same words.
 * @throws PanicError InvalidInput that names another process of this user which runs a server on the file: two would damage it.
 */
export function orphansOn(databaseFile: string): OwnProcess[] {
  const record = readRecord(databaseFile);
  const found = ownProcesses().filter(
    ({ words }) => hasWords(words, ['start-dev']) && hasWords(words, [databaseFile]),
  );
  const ours = found.filter((one) => record !== undefined && isOf(record, one));
  const other = found.find((one) => !ours.includes(one));
  if (other === undefined) return ours;
  throw new PanicError(
    'InvalidInput',
    `process ${other.pid} (${other.program ?? other.words[0]}) runs a Temporal server on ${databaseFile}, and no run of this data folder ` +
      `is known to have started it; end it ("kill ${other.pid}"), then try again`,
  );
}

function isOf({ command, args, pid, startedAt }: StartedServer, found: OwnProcess): boolean {
  // The same process, whatever it has become by exec, as the script of a wrapper does.
  if (found.pid === pid && found.startedAt === startedAt) return true;
  if (!endsWithWords(found.words, args)) return false;
  return isScript(command)
    ? endsWithWords(found.words, [command, ...args])
    : found.program === null || found.program === realPath(command);
}

/** Its process is its interpreter's, with the script among the words. */
function isScript(path: string): boolean {
  try {
    // It is whatever the record says: a pipe would wait for a writer.
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const first = Buffer.alloc(2);
      readSync(descriptor, first, 0, 2, 0);
      return first.toString('latin1') === '#!';
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return false;
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function readRecord(databaseFile: string): StartedServer | undefined {
  try {
    const text = readRegularFileNow(recordFile(databaseFile), MOST_RECORD_BYTES).toString();
    return startedServer.parse(JSON.parse(text));
  } catch {
    // None, or not ours: nothing is known then, and nothing is ended.
    return undefined;
  }
}

function recordFile(databaseFile: string): string {
  return `${databaseFile}.server.json`;
}
