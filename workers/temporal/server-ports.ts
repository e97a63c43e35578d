import { freeLoopbackPorts } from '../processes/free-ports.js';
import {
  placeClosedToBrowsers,
  PORTS_CLOSED_TO_BROWSERS,
  portsClosedToBrowsers,
  type Place,
} from './hidden-ports.js';

export interface ServerPorts {
  /** Port of gRPC, which browsers do not speak. */
  readonly port: number;
  readonly httpPort: number;
  readonly metricsPort: number;
  /** Where the UI itself listens; null for a server without it. */
  readonly ui: Place | null;
}

/**
 * Ports that no page can reach, for parts that check no Host header. `onNotice` gets a sentence for each part
 * without such a port. The server needs its metrics and its HTTP API, so these get other ports; the UI is
 * left out.
 */
export async function innerPorts(
  onNotice: (sentence: string) => void = () => undefined,
  candidates: readonly number[] = PORTS_CLOSED_TO_BROWSERS,
): Promise<Omit<ServerPorts, 'port'>> {
  // The metrics get the first such port, since the HTTP API refuses every name.
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
