import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { freeLoopbackPorts } from '../processes/free-ports.js';
import { type Gauge, type Gauges, gaugesText } from './gauges.js';
import { placeClosedToBrowsers } from '../temporal/hidden-ports.js';
import { listen } from './listener.js';
import { question } from '../temporal/question.js';
import type { Readiness } from './readiness.js';
import { type Counted, createWorkerMetrics, prometheusTelemetry, type WorkerMetrics } from './metrics.js';
import { type Build, buildGauges, readyGauges } from './process-gauges.js';
import { sdkLog } from '../sdk-log.js';

/** What others can see of a worker from the outside. */
export interface Observation {
  readonly metrics: WorkerMetrics;
  /** Where health and metrics are; null where nobody listens. */
  readonly port: number | null;
  /** The worker does work from now on; `readiness` says, when asked, what keeps it from that, and `gauges` are told to who asks for metrics. */
  begin(readiness: Readiness, counted: Omit<Counted, 'sources'>, gauges: readonly Gauges[]): void;
  /** The worker is to stop; `reason` says why, where it was not asked to. */
  drain(reason: string | null): void;
  close(): Promise<void>;
}

interface Observed {
  readonly identity: string;
  readonly listenPort: number | null;
  /** By which health and metrics may be asked for, beside `localhost`. */
  readonly httpNames: readonly string[];
  readonly build: Build;
}

/** It is in this process; another program may have got its port, and never answer. */
const EXPORTER_MS = 10_000;

/** Prometheus gives a scrape 10 s unless it is told otherwise. */
const GAUGES_MS = 3000;

/** Gauges whose source may be away: a scrape waits for them only so long, and no scrapes heap up before it. */
function bounded(gauges: Gauges): Pick<Gauges, 'source' | 'read'> {
  const { source, keptMs, keptTimes } = gauges;
  return { source, read: question(() => gauges.read(), { withinMs: GAUGES_MS, keptMs, keptTimes }) };
}

const STARTING = unready('it is starting');

function stopping(reason: string | null): Readiness {
  return unready(...(reason === null ? [] : [reason]), 'it is stopping, and gives its work back');
}

function unready(...problems: readonly string[]): Readiness {
  return { problems: async () => problems, remarks: async () => [] };
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
  { identity, listenPort, httpNames, build }: Observed,
  taskQueues: readonly string[],
): Promise<Observation> {
  const exporter = listenPort === null ? null : await addressOfExporter();
  const log = sdkLog((line) => void process.stderr.write(`${line}\n`));
  Runtime.install({
    logger: new DefaultLogger('WARN', log.write),
    shutdownSignals: [],
    ...(exporter === null ? {} : { telemetryOptions: prometheusTelemetry(exporter) }),
  });
  const metrics = createWorkerMetrics(Runtime.instance().metricMeter);
  const self = { identity, pid: process.pid, taskQueues, startedAt: new Date().toISOString() };
  let state: 'starting' | 'running' | 'draining' = 'starting';
  let readiness = STARTING;
  // Of the process itself, and the first to be told.
  const always = [buildGauges(build), ...readyGauges(() => readiness)].map(bounded);
  let sources = always;

  /** What can be read now. The rest is left out: neither zero nor what it was before. */
  async function gaugesNow(): Promise<string> {
    const read = await Promise.all(
      sources.map(async (one): Promise<readonly Gauge[]> => {
        try {
          return await one.read();
        } catch {
          metrics.missed(one.source);
          return [];
        }
      }),
    );
    return gaugesText(read.flat());
  }

  const listener =
    listenPort === null || exporter === null
      ? null
      : await listen(listenPort, httpNames, {
          health: () => ({ state, ...self }),
          readiness: async () => {
            const [problems, remarks] = await Promise.all([readiness.problems(), readiness.remarks()]);
            return { state, ...self, problems, remarks };
          },
          metrics: async () => {
            metrics.sample();
            const gauges = await gaugesNow();
            return `${await exported(exporter)}${gauges}`;
          },
        });
  return {
    metrics,
    port: listener?.port ?? null,
    begin: (ask, counted, gauges) => {
      state = 'running';
      readiness = ask;
      sources = [...always, ...gauges.map(bounded)];
      metrics.begin({ ...counted, sources: sources.map(({ source }) => source) });
    },
    drain: (reason) => {
      state = 'draining';
      readiness = stopping(reason);
    },
    close: async () => {
      log.close();
      await listener?.close();
    },
  };
}
