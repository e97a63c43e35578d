import { Client, Connection } from '@temporalio/client';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTemporalCli } from '../workers/temporal/cli.js';
import { startTemporalServer } from '../workers/temporal/server.js';
import { runCommand, CommandError } from './common/command.js';
import { runOurs } from './pipeline/our-run.js';
import { SHAPES, type Shape } from './pipeline/shapes.js';

/**
 * Runs whole experiments with `panic-tda run`, one after the other, and prints the resources of each: `node
 * dist/bench/pipeline.js [shape ...]` after `npm run build`. Times depend on the machine, so run all shapes
 * to be compared in one call.
 */

async function measure(name: string, shape: Shape): Promise<Record<string, string | number>> {
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-bench-'));
  try {
    const { data, use, rows } = await runOurs(shape, folder);
    const { wallMs, peak, last } = use;
    const temporal = await historiesOf(data);
    const cpu = (role: string) => last.find((use) => use.role === role)?.cpuSeconds ?? NaN;
    const rss = (role: string) => Math.round(last.find((use) => use.role === role)?.rssMiB ?? NaN);
    const workers = last.filter((use) => use.role.startsWith('worker'));
    const workerCpu = workers.reduce((sum, use) => sum + use.cpuSeconds, 0);
    return {
      shape: name,
      'command s': (wallMs / 1000).toFixed(1),
      invocations: rows.invocations,
      'invocations/s': Math.round((1000 * rows.invocations) / rows.spanMs),
      'ms/invocation': (rows.spanMs / rows.invocations).toFixed(2),
      'model ms': rows.modelMs.toFixed(2),
      'server CPU ms/inv': ((1000 * cpu('server')) / rows.invocations).toFixed(2),
      'workers CPU ms/inv': ((1000 * workerCpu) / rows.invocations).toFixed(2),
      'peak MiB, all': Math.round(peak.residentMiB),
      'server MiB': rss('server'),
      'workers MiB': workers.map((use) => Math.round(use.rssMiB)).join('+'),
      'history events': temporal.events,
      'longest history': temporal.longest,
      'continued as new': temporal.continued,
      'database MiB': (rows.databaseBytes / 2 ** 20).toFixed(1),
      'objects MiB': (rows.objectBytes / 2 ** 20).toFixed(1),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Events and executions that the run left in Temporal, from the server's own state. */
async function historiesOf(data: string) {
  const server = await startTemporalServer({
    cli: await findTemporalCli({ fetch: false }),
    databaseFile: join(data, 'temporal', 'temporal.sqlite'),
    logFile: join(data, 'logs', 'bench-server.log'),
  });
  const connection = await Connection.connect({ address: server.address });
  try {
    let events = 0;
    let longest = 0;
    let continued = 0;
    for await (const { status, historyLength } of new Client({ connection }).workflow.list()) {
      events += historyLength;
      longest = Math.max(longest, historyLength);
      if (status.name === 'CONTINUED_AS_NEW') continued++;
    }
    return { events, longest, continued };
  } finally {
    await connection.close();
    await server.stop();
  }
}

await runCommand(async () => {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !(name in SHAPES));
  if (unknown.length > 0) {
    throw new CommandError(
      `unknown shapes ${unknown.join(', ')}; there are ${Object.keys(SHAPES).join(', ')}`,
    );
  }
  const results: Record<string, string | number>[] = [];
  for (const [name, shape] of Object.entries(SHAPES)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const result = await measure(name, shape);
    console.error(JSON.stringify(result));
    results.push(result);
  }
  for (const key of Object.keys(results[0] ?? {})) {
    console.log([key.padEnd(20), ...results.map((result) => String(result[key]).padStart(20))].join(' '));
  }
});
