import Database from 'better-sqlite3';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DATABASE_FILE, OBJECTS_FOLDER } from '../../db/layout.js';
import { watchCommand, type CommandUse } from '../common/watched-command.js';
import { experimentOf, type Shape } from './shapes.js';

export interface OurRun {
  /** The data folder. */
  readonly data: string;
  readonly use: CommandUse;
  readonly rows: Rows;
}

/** Figures of an experiment from the database. Times in milliseconds, sizes of the files in bytes. */
interface Rows {
  readonly invocations: number;
  /** Since 1970. */
  readonly firstAtMs: number;
  /** From the first invocation to the last. */
  readonly spanMs: number;
  readonly modelMs: number;
  readonly databaseBytes: number;
  readonly objectBytes: number;
}

const CLI = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

/** Runs an experiment of the shape with `panic-tda run`, in a folder that the caller makes and removes. */
export async function runOurs(shape: Shape, folder: string): Promise<OurRun> {
  const data = join(folder, 'data');
  const file = join(folder, 'experiment.json');
  const { maxDimension } = shape;
  const experiment = { ...experimentOf(shape, 'Dummy'), max_dimension: maxDimension, on_cycle: 'continue' };
  writeFileSync(file, JSON.stringify(experiment));
  const use = await watchCommand(process.execPath, [CLI, 'run', file, '--data', data, '--json'], {
    env: { ...process.env, PANIC_TDA_TEST_MODELS: '1' },
    logFile: join(folder, 'output.log'),
  });
  return { data, use, rows: rowsOf(data) };
}

function rowsOf(data: string): Rows {
  const db = new Database(join(data, DATABASE_FILE), { readonly: true });
  try {
    const row = db
      .prepare<[], Pick<Rows, 'invocations' | 'firstAtMs' | 'spanMs' | 'modelMs'>>(
        `select count(*) as invocations, min(created_at) as firstAtMs, max(created_at) - min(created_at) as spanMs,
           coalesce(sum(compute_ms), 0) / count(*) as modelMs from invocations`,
      )
      .get()!;
    return {
      ...row,
      databaseBytes: bytesUnder(data, /^panic-tda\.sqlite/),
      objectBytes: bytesUnder(join(data, OBJECTS_FOLDER), /./),
    };
  } finally {
    db.close();
  }
}

/** Bytes of the files below a folder whose names match. */
export function bytesUnder(folder: string, name: RegExp): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && name.test(entry.name))
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
