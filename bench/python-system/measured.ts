import Database from 'better-sqlite3';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError } from '../common/command.js';
import { runOurs } from '../pipeline/our-run.js';
import { experimentOf, type Shape } from '../pipeline/shapes.js';
import { script } from '../common/python-programs.js';
import { watchCommand, type CommandUse } from '../common/watched-command.js';
import type { Installation } from './installation.js';

/** The figures of one experiment. */
export interface Measured {
  /**
   * The number of invocations divided by the time from the first to the last, by the program's own
   * timestamps.
   */
  readonly invocationsPerSecond: number;
  /** From the start of the command until the first invocation is done. */
  readonly startSeconds: number;
  /** The whole command, with embeddings, diagrams and shutdown. */
  readonly commandSeconds: number;
  readonly peak: CommandUse['peak'];
}

interface Span {
  readonly invocations: number;
  /** When the first invocation was done, since 1970. */
  readonly firstAtMs: number;
  readonly spanMs: number;
}

export async function measureOurs(shape: Shape): Promise<Measured> {
  return inFolder(async (folder) => {
    const { use, rows } = await runOurs(shape, folder);
    return measured(shape, use, rows);
  });
}

/** `rayCpus` is the number of CPUs that Ray shares out, whatever the machine has. */
export async function measurePythonSystem(
  { python, sources }: Installation,
  shape: Shape,
  rayCpus: number,
): Promise<Measured> {
  return inFolder(async (folder) => {
    const file = join(folder, 'experiment.json');
    const database = join(folder, 'trajectories.sqlite');
    writeFileSync(file, JSON.stringify(experimentOf(shape, 'DummyText')));
    const settings = [String(rayCpus), join(folder, 'ray'), String(shape.maxDimension)];
    const use = await watchCommand(
      python,
      [script('python-system/perform.py'), file, database, ...settings],
      { env: { ...process.env, ...ENVIRONMENT, PYTHONPATH: sources }, logFile: join(folder, 'output.log') },
    );
    return measured(shape, use, spanOf(database, shape));
  });
}

const ENVIRONMENT = {
  /** Its timestamps are local times without a zone. */
  TZ: 'UTC',
  /**
   * Ray gives its workers the least priority (15), so that any other work on the machine would starve them.
   */
  RAY_worker_niceness: '0',
  /** Without these variables it would report its use, and look for models on the network. */
  RAY_USAGE_STATS_ENABLED: '0',
  HF_HUB_OFFLINE: '1',
  TRANSFORMERS_OFFLINE: '1',
};

async function inFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-bench-'));
  try {
    return await work(folder);
  } finally {
    // Ray's last processes write their logs until they end.
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

function measured(shape: Shape, use: CommandUse, { invocations, firstAtMs, spanMs }: Span): Measured {
  if (invocations !== shape.runs * shape.length) {
    throw new CommandError(`${invocations} invocations are stored; expected ${shape.runs * shape.length}`);
  }
  return {
    invocationsPerSecond: (1000 * invocations) / spanMs,
    startSeconds: (firstAtMs - use.startedAtMs) / 1000,
    commandSeconds: use.wallMs / 1000,
    peak: use.peak,
  };
}

/**
 * Throws a CommandError unless every text has its vector and every run its diagram. The system's log reports
 * failures; its exit status does not.
 */
function spanOf(database: string, { runs, length }: Shape): Span {
  const db = new Database(database, { readonly: true });
  try {
    const { vectors, diagrams, ...span } = db
      .prepare<[], Span & { vectors: number; diagrams: number }>(
        `select count(*) as invocations, 1000 * unixepoch(min(completed_at), 'subsec') as firstAtMs,
           1000 * (unixepoch(max(completed_at), 'subsec') - unixepoch(min(completed_at), 'subsec')) as spanMs,
           (select count(*) from embedding) as vectors,
           (select count(diagram_data) from persistencediagram) as diagrams
         from invocation`,
      )
      .get()!;
    if (vectors !== (runs * length) / 2 || diagrams !== runs) {
      throw new CommandError(
        `the Python system stored ${vectors} vectors and ${diagrams} diagrams; expected ${(runs * length) / 2} and ${runs}`,
      );
    }
    return span;
  } finally {
    db.close();
  }
}
