import {
  closeSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { errorMessage, PanicError } from '../../common/errors.js';
import { makeFolder } from '../../common/make-folder.js';
import { pathProblem } from '../../common/path-text.js';
import { statIfThere } from '../../common/presence.js';
import { receiveSignals } from '../terminal/interruption.js';
import { type Cell, csvLine } from './csv.js';

/** A table that becomes a CSV file. Rows are made as they are written. */
export interface CsvTable {
  /** Without ".csv". */
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: Iterable<readonly Cell[]> | AsyncIterable<readonly Cell[]>;
}

/**
 * Refuses a folder for tables before the work begins.
 *
 * @throws PanicError `InvalidInput` if the path means nothing or holds something.
 */
export function refuseTableFolder(folder: string): void {
  const problem = pathProblem(folder);
  if (problem !== null) throw new PanicError('InvalidInput', `--csv ${problem}: "${folder}"`);
  const found = statIfThere(folder);
  if (found === undefined) return;
  if (!found.isDirectory()) {
    throw new PanicError(
      'InvalidInput',
      `--csv: ${folder} is a file; name a folder that is empty or not there yet`,
    );
  }
  if (readdirSync(folder).length > 0) {
    throw new PanicError(
      'InvalidInput',
      `--csv: ${folder} holds files; name a folder that is empty or not there yet, so that no table of another analysis stays among these`,
    );
  }
}

/** About as many bytes as one call to the system writes. */
const CHUNK_BYTES = 2 ** 16;

/**
 * Writes tables to a folder, all or none: it writes them to a folder beside it, which then takes the place of the
 * folder. An interruption leaves nothing.
 *
 * @throws PanicError `InvalidInput` if the folder cannot be written, or the reason of the signal.
 */
export async function writeTables(
  folder: string,
  tables: readonly CsvTable[],
  signal: AbortSignal,
): Promise<void> {
  const target = resolve(folder);
  const partial = partialFolder(target);
  try {
    for (const { name, columns, rows } of tables) {
      const file = openSync(join(partial, `${name}.csv`), 'wx', 0o644);
      try {
        await writeRows(file, columns, rows, signal);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    }
    renameSync(partial, target);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (signal.aborted) throw error;
    throw unwritable(folder, error);
  }
}

function partialFolder(target: string): string {
  try {
    makeFolder(dirname(target));
    return mkdtempSync(join(dirname(target), `.${basename(target)}-`));
  } catch (error) {
    throw unwritable(target, error);
  }
}

async function writeRows(
  file: number,
  columns: readonly string[],
  rows: CsvTable['rows'],
  signal: AbortSignal,
): Promise<void> {
  let text = csvLine(columns);
  for await (const row of rows) {
    text += csvLine(row);
    if (text.length < CHUNK_BYTES) continue;
    writeWhole(file, text);
    text = '';
    await receiveSignals(signal);
  }
  writeWhole(file, text);
  signal.throwIfAborted();
}

function writeWhole(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.byteLength;) written += writeSync(file, bytes, written);
}

function unwritable(folder: string, error: unknown): unknown {
  if (error instanceof PanicError) return error;
  if (!(error instanceof Error) || !('code' in error)) return error;
  return new PanicError(
    'InvalidInput',
    `--csv: the tables could not be written to ${folder}: ${errorMessage(error)}`,
    {
      cause: error,
    },
  );
}
