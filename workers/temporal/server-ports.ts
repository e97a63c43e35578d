import { freeLoopbackPorts } from '../processes/free-ports.js';
import {
  placeClosedToBrowsers,
  PORTS_CLOSED_TO_BROWSERS,
  portsClosedToBrowsers,
  type Place,
} from './hidden-ports.js';

export interface ServerPorts {
  /** Of gRPC, which browsers do not speak. */
  readonly port: number;
  readonly httpPort: number;
  readonly metricsPort: number;
  /** Where the UI itself listens; null for a server without it. */
  readonly ui: Place | null;
}

/**
 * Ports for what checks no Host header, where no page can reach it. Tells by `onNotice` what has none: then the metrics and the
 * HTTP API, which the server cannot be without, get other ports, and the UI is left out.
 */
export async function innerPorts(
  onNotice: (sentence: string) => void = () => undefined,
  candidates: readonly number[] = PORTS_CLOSED_TO_BROWSERS,
): Promise<Omit<ServerPorts, 'port'>> {
  // The HTTP API refuses every name, so that the first one is for the metrics.
  const closed = await portsClosedToBrowsers(2, candidates);
  const others = await freeLoopbackPorts('metricsPort', 'httpPort');
  const [metricsPort = others.metricsPort, httpPort = others.httpPort] = closed;
  const ui = await placeClosedToBrowsers(candidates.filter((port) => !closed.includes(port)));
  if (closed.length < 2) {
    const open = closed.length === 0 ? `${metricsPort} and ${httpPort}` : httpPort;
    onNotice(
      `Other programs have the ports of 127.0.0.1 that browsers do not open; pages can reach the Temporal server at port ${open} (docs/security.md).`,
    );
  }
  if (ui === null) {
    onNotice('There is no web UI: other programs have the ports of 127.0.0.1 that browsers do not open.');
  }
  return { metricsPort, httpPort, ui };
}
