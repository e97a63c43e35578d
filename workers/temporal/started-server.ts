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
 * A record beside the server's file of the process that runs the embedded server, written before each start.
 * By it a later run recognises a server that outlived its supervisor, and ends no other process: an editor,
 * for example, also has the path of the file among its arguments.
 */

const startedServer = z.strictObject({
  command: z.string().min(1),
  args: z.array(z.string()).min(1),
  /** Known once the process runs. */
  pid: z.int().optional(),
  startedAt: z.string().optional(),
});
type StartedServer = z.output<typeof startedServer>;

/** Enough for the arguments that start one server. */
const MOST_RECORD_BYTES = 2 ** 20;

/** Records the server that is about to be started on a file, and with `pid` the process that it became. */
export function recordServer(
  databaseFile: string,
  started: Pick<StartedServer, 'command' | 'args'>,
  pid?: number,
): void {
  const process = pid === undefined ? undefined : ownProcess(pid);
  const record = { ...started, ...(process && { pid: process.pid, startedAt: process.startedAt }) };
  const file = recordFile(databaseFile);
  // The file is made anew: in a folder that others have filled, a link may have this name.
  rmSync(`${file}.new`, { force: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(record)}\n`, { flag: 'wx' });
  renameSync(`${file}.new`, file);
}

/**
 * Servers on a file that were started as the record says: processes of this user, of the same program, with
 * exactly the same arguments.
 * @throws PanicError InvalidInput that names another process of this user which runs a server on the file:
 * two would damage it.
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
  // It is the same process, even if it replaced its program by exec, as a wrapper script does.
  if (found.pid === pid && found.startedAt === startedAt) return true;
  if (!endsWithWords(found.words, args)) return false;
  return isScript(command)
    ? endsWithWords(found.words, [command, ...args])
    : found.program === null || found.program === realPath(command);
}

/** The process of a script runs its interpreter, with the script among the arguments. */
function isScript(path: string): boolean {
  try {
    // The record may name anything. Opening a pipe would wait for a writer.
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
    // There is no record, or it is not ours: then no server is known, and none is ended.
    return undefined;
  }
}

function recordFile(databaseFile: string): string {
  return `${databaseFile}.server.json`;
}
