import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { LogEntry } from '@temporalio/worker';
import { withoutSecrets } from '../experiment/secrets.js';
import { visibleLine } from '../experiment/text.js';
import { freeLoopbackPorts } from './free-ports.js';
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
}

async function starting(): Promise<Readiness> {
  return { problems: ['it is starting'], remarks: [] };
}

async function stopping(): Promise<Readiness> {
  return { problems: ['it is stopping, and gives its work back'], remarks: [] };
}

/** Installs the SDK's runtime of this process, with its exporter of metrics where somebody is to see them. */
export async function observe(
  { identity, listenPort }: Observed,
  taskQueues: readonly string[],
): Promise<Observation> {
  const exporter = listenPort === null ? null : (await freeLoopbackPorts('exporter')).exporter;
  Runtime.install({
    logger: new DefaultLogger('WARN', log),
    shutdownSignals: [],
    ...(exporter === null ? {} : { telemetryOptions: prometheusTelemetry(`127.0.0.1:${exporter}`) }),
  });
  const metrics = createWorkerMetrics(Runtime.instance().metricMeter);
  const self = { identity, pid: process.pid, taskQueues, startedAt: new Date().toISOString() };
  let state: 'starting' | 'running' | 'draining' = 'starting';
  let readiness = starting;

  const listener =
    listenPort === null
      ? null
      : await listen(listenPort, {
          health: () => ({ state, ...self }),
          readiness: async () => ({ state, ...self, ...(await readiness()) }),
          metrics: async () => {
            metrics.sample();
            return await (await fetch(`http://127.0.0.1:${exporter}/metrics`)).text();
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
