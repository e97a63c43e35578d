import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { LogEntry } from '@temporalio/worker';
import { withoutSecrets } from '../experiment/secrets.js';
import { visibleLine } from '../experiment/text.js';
import { freeLoopbackPorts } from './free-ports.js';
import { placeClosedToBrowsers } from './hidden-ports.js';
import { listen } from './listener.js';
import type { Readiness } from './readiness.js';
import { createWorkerMetrics, prometheusTelemetry, type WorkerMetrics } from './metrics.js';

/** What others can see of a worker from the outside. */
export interface Observation {
  readonly metrics: WorkerMetrics;
  /** Where health and metrics are; null where nobody listens. */
  readonly port: number | null;
  /** The worker does work from now on; `readiness` says, when asked, what keeps it from that. */
  begin(readiness: () => Promise<Readiness>): void;
  /** The worker is to stop. */
  drain(): void;
  close(): Promise<void>;
}

interface Observed {
  readonly identity: string;
  readonly listenPort: number | null;
  /** By which health and metrics may be asked for, beside `localhost`. */
  readonly httpNames: readonly string[];
}

/** It is in this process; another program may have got its port, and never answer. */
const EXPORTER_MS = 10_000;

async function starting(): Promise<Readiness> {
  return { problems: ['it is starting'], remarks: [] };
}

async function stopping(): Promise<Readiness> {
  return { problems: ['it is stopping, and gives its work back'], remarks: [] };
}

/** As HOST:PORT. The SDK's exporter checks nothing of what it is asked, so that no page may reach it. */
async function addressOfExporter(): Promise<string> {
  const place = await placeClosedToBrowsers();
  if (place !== null) return `${place.host}:${place.port}`;
  const { port } = await freeLoopbackPorts('port');
  process.stderr.write(
    `All ports that browsers do not open are taken; the SDK's metrics are at port ${port} of 127.0.0.1, which pages may reach.\n`,
  );
  return `127.0.0.1:${port}`;
}

/** Not by `fetch`, which opens no port that browsers do not open. */
async function exported(address: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(EXPORTER_MS);
    get(`http://${address}/metrics`, { agent: false, signal }, (answer) => {
      text(answer).then(resolve, reject);
    }).once('error', reject);
  });
}

/** Installs the SDK's runtime of this process, with its exporter of metrics where somebody is to see them. */
export async function observe(
  { identity, listenPort, httpNames }: Observed,
  taskQueues: readonly string[],
): Promise<Observation> {
  const exporter = listenPort === null ? null : await addressOfExporter();
  Runtime.install({
    logger: new DefaultLogger('WARN', log),
    shutdownSignals: [],
    ...(exporter === null ? {} : { telemetryOptions: prometheusTelemetry(exporter) }),
  });
  const metrics = createWorkerMetrics(Runtime.instance().metricMeter);
  const self = { identity, pid: process.pid, taskQueues, startedAt: new Date().toISOString() };
  let state: 'starting' | 'running' | 'draining' = 'starting';
  let readiness = starting;

  const listener =
    listenPort === null || exporter === null
      ? null
      : await listen(listenPort, httpNames, {
          health: () => ({ state, ...self }),
          readiness: async () => ({ state, ...self, ...(await readiness()) }),
          metrics: async () => {
            metrics.sample();
            return await exported(exporter);
          },
        });
  return {
    metrics,
    port: listener?.port ?? null,
    begin: (ask) => {
      state = 'running';
      readiness = ask;
    },
    drain: () => {
      state = 'draining';
      readiness = stopping;
    },
    close: async () => await listener?.close(),
  };
}

/** What the SDK warns about, but for the queues that have no workflows on purpose. */
function log({ level, message, meta }: LogEntry): void {
  if (message.startsWith('No workflows registered')) return;
  const details = meta === undefined ? '' : ` ${JSON.stringify(meta, errorsAsText)}`;
  const line = withoutSecrets(`${new Date().toISOString()} ${level} ${message}${details}`);
  process.stderr.write(`${visibleLine(line)}\n`);
}

function errorsAsText(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Error ? `${value.name}: ${value.message}` : value;
}
