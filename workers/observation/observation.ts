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

/** What a worker shows to the outside: health, readiness, metrics. */
export interface Observation {
  readonly metrics: WorkerMetrics;
  /** Port of health and metrics; null if there is none. */
  readonly port: number | null;
  /** The worker does work from now on. `readiness` says what keeps it from work; a scrape reads `gauges`. */
  begin(readiness: Readiness, counted: Omit<Counted, 'sources'>, gauges: readonly Gauges[]): void;
  /** The worker is about to stop. `reason` says why, if the user did not ask for it. */
  drain(reason: string | null): void;
  close(): Promise<void>;
}

interface Observed {
  readonly identity: string;
  readonly listenPort: number | null;
  /** The names that an HTTP request may use besides `localhost`. */
  readonly httpNames: readonly string[];
  readonly build: Build;
}

/** The exporter is in this process; but another program may have got its port, and never answer. */
const EXPORTER_MS = 10_000;

/** Prometheus allows a scrape 10 s by default. */
const GAUGES_MS = 3000;

/**
 * Reads gauges whose source may be away. A scrape waits for them for this time at most, and later scrapes
 * join the question that is under way.
 */
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

/**
 * Address of the SDK's exporter as HOST:PORT. The exporter checks no request, so a web page must not reach
 * it.
 */
async function addressOfExporter(): Promise<string> {
  const place = await placeClosedToBrowsers();
  if (place !== null) return `${place.host}:${place.port}`;
  const { port } = await freeLoopbackPorts('port');
  process.stderr.write(
    `All ports that browsers do not open are taken; the SDK's metrics are at port ${port} of 127.0.0.1, which pages may reach.\n`,
  );
  return `127.0.0.1:${port}`;
}

/** Uses `node:http`, since `fetch` refuses the ports that browsers refuse. */
async function exported(address: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(EXPORTER_MS);
    get(`http://${address}/metrics`, { agent: false, signal }, (answer) => {
      text(answer).then(resolve, reject);
    }).once('error', reject);
  });
}

/** Installs the SDK's runtime of this process, with its exporter of metrics if the worker listens. */
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
  // Gauges of the process itself, which come first.
  const always = [buildGauges(build), ...readyGauges(() => readiness)].map(bounded);
  let sources = always;

  /** The gauges that can be read now. Others are left out: they show neither zero nor an old value. */
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
