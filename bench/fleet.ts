import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { connectStoreReadonly, type Store } from '../db/index.js';
import { databaseVariables } from '../workers/settings/database.js';
import { CommandError, runCommand } from './common/command.js';
import { ourVersion } from './common/machine.js';
import { markdownTable } from './common/markdown.js';
import { processesUnder, type ProcessUse } from './common/process-tree.js';
import { startDatabase } from './scale/databases.js';
import { experimentFiles, type ExperimentFile } from './scale/experiments.js';
import { CLI, startFleet } from './scale/fleet.js';
import { madeIn } from './scale/rows.js';
import { SERIES, shapeOf } from './scale/series.js';
import { watchCommand } from './common/watched-command.js';

/**
 * Starts experiments together on a fleet of four workers, two with main and cpu and two with gpu, with a
 * Temporal server and a Postgres server, all on this machine: after `npm run build`,
 *
 *   node dist/bench/fleet.js [--shape 300x20+300x20+300x20] [--concurrency 64] [--out bench/fleet.md]
 *
 * Reports the resources of each process, how the experiments shared the workers, and how many connections the
 * database had. Linux only.
 */

const LOOK_MS = 500;

/** What was seen of a process that ran for a part of the time. */
interface Seen {
  readonly use: ProcessUse;
  readonly mostMiB: number;
}

interface Connections {
  /** The maximum at one look, over all programs together. */
  readonly together: number;
  /** By process id. */
  readonly byProcess: ReadonlyMap<number, number>;
}

await runCommand(async () => {
  const { values } = parseArgs({
    options: {
      shape: { type: 'string', default: '300x20+300x20+300x20' },
      concurrency: { type: 'string', default: '64' },
      out: { type: 'string', default: 'bench/fleet.md' },
    },
  });
  const shape = shapeOf(values.shape);
  const concurrency = Number(values.concurrency);
  const loadBefore = loadavg()[0]!;
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-fleet-'));
  const data = join(folder, 'data');
  mkdirSync(data);
  const stops: (() => Promise<void>)[] = [];
  try {
    const database = await startDatabase('postgres');
    stops.unshift(() => database.stop());
    const fleet = await startFleet(data, databaseVariables(database.service), ['main', 'gpu']);
    stops.unshift(() => fleet.stop());
    const store = await connectStoreReadonly({ folder: data, database: database.service });
    if (store === null) throw new Error('the workers made no tables');
    stops.unshift(() => store.close());
    const client = new Client({ connectionString: database.service!.url });
    await client.connect();
    stops.unshift(() => client.end());

    const files = await experimentFiles(shape, SERIES.mixed, concurrency);
    const before = new Map(processesUnder(process.pid).map((use) => [use.pid, use.cpuSeconds]));
    const watch = startWatch(client);
    const startedAt = performance.now();
    await Promise.all(files.map((file, index) => run(folder, data, fleet.environment, file, index)));
    const seconds = (performance.now() - startedAt) / 1000;
    const { seen, connections } = await watch.end();
    const page = [
      '# Three experiments on a fleet of four workers',
      `\`node dist/bench/fleet.js --shape ${shape.name} --concurrency ${concurrency}\`: ${ourVersion()}, Node.js ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}; load of the machine before: ${loadBefore.toFixed(1)}.`,
      await experimentTable(store, files),
      `${shape.invocations} invocations in ${seconds.toFixed(0)} s, from the start of the commands to their end.`,
      processTable(seen, before, connections, shape.invocations),
      `Connections of Postgres at one look, at most: ${connections.together}, those of this program included.`,
    ].join('\n\n');
    mkdirSync(dirname(values.out), { recursive: true });
    writeFileSync(values.out, `${page}\n`);
    console.log(page);
  } finally {
    for (const stop of stops) await stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
});

async function run(
  folder: string,
  data: string,
  env: Record<string, string>,
  { text }: ExperimentFile,
  index: number,
): Promise<void> {
  const file = join(folder, `run-${index}.json`);
  writeFileSync(file, text);
  await watchCommand(process.execPath, [CLI, 'run', file, '--data', data, '--json'], {
    env,
    logFile: join(folder, `run-${index}.log`),
  });
}

/** Looks at the processes and at the connections of the database until it is stopped. */
function startWatch(client: Client) {
  const seen = new Map<number, Seen>();
  const byProcess = new Map<number, number>();
  let together = 0;
  async function look(): Promise<void> {
    for (const use of processesUnder(process.pid)) {
      const known = seen.get(use.pid);
      // A process that has just ended has no arguments by which its role is known.
      const role = use.role === 'other' ? (known?.use.role ?? use.role) : use.role;
      seen.set(use.pid, { use: { ...use, role }, mostMiB: Math.max(use.anonymousMiB, known?.mostMiB ?? 0) });
    }
    const { rows } = await client.query<{ name: string; count: string }>(
      'select application_name as name, count(*) from pg_stat_activity where datid is not null and usesysid is not null group by 1',
    );
    together = Math.max(
      together,
      rows.reduce((sum, { count }) => sum + Number(count), 0),
    );
    for (const { name, count } of rows) {
      const pid = Number(/^panic-tda (\d+)@/.exec(name)?.[1]);
      if (!Number.isNaN(pid)) byProcess.set(pid, Math.max(Number(count), byProcess.get(pid) ?? 0));
    }
  }
  let last = look();
  const timer = setInterval(() => {
    last = last.then(look);
  }, LOOK_MS);
  return {
    async end(): Promise<{ readonly seen: ReadonlyMap<number, Seen>; readonly connections: Connections }> {
      clearInterval(timer);
      await last;
      return { seen, connections: { together, byProcess } };
    },
  };
}

async function experimentTable(store: Store, files: readonly ExperimentFile[]): Promise<string> {
  const rows = await Promise.all(
    files.map(async ({ id, runs, steps }, index) => {
      const { finished } = await store.experiments.runsByStatus(id);
      const { invocations, seconds } = await madeIn(store, id);
      if (finished !== runs || invocations !== runs * steps) {
        throw new CommandError(
          `of ${runs} runs x ${steps} steps, ${finished} are finished and ${invocations} invocations are there`,
        );
      }
      return [`${index + 1}`, `${runs} x ${steps}`, seconds.toFixed(1), (invocations / seconds).toFixed(1)];
    }),
  );
  return markdownTable(['experiment', 'runs x steps', 'seconds', 'invocations/s'], rows, 2);
}

/**
 * One row for each process of ours and for the server; one for all processes of Postgres, and one for all
 * others.
 */
function processTable(
  seen: ReadonlyMap<number, Seen>,
  before: ReadonlyMap<number, number>,
  { byProcess }: Connections,
  invocations: number,
): string {
  const own = [...seen.values()].filter(({ use }) => use.pid !== process.pid);
  const taken = ({ use }: Seen): number => use.cpuSeconds - (before.get(use.pid) ?? 0);
  const groups = ['database', 'other'].map((name) => ({
    name,
    parts: own.filter(({ use }) => use.role === name),
  }));
  const single = own.filter(({ use }) => groups.every(({ name }) => name !== use.role));
  const line = (name: string, cpu: number, mib: string, connections: number | undefined): string[] => [
    name,
    cpu.toFixed(1),
    ((1000 * cpu) / invocations).toFixed(2),
    mib,
    connections === undefined ? '' : String(connections),
  ];
  const rows = [
    ...single
      .toSorted((one, other) => one.use.role.localeCompare(other.use.role) || one.use.pid - other.use.pid)
      .map((one) => line(one.use.role, taken(one), one.mostMiB.toFixed(0), byProcess.get(one.use.pid))),
    ...groups.map(({ name, parts }) => line(name, sum(parts.map(taken)), '', undefined)),
    line('together', sum(own.map(taken)), '', undefined),
  ];
  const header = ['process', 'seconds of a core', 'ms each invocation', 'MiB at most', 'connections at most'];
  return markdownTable(header, rows, 1);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
