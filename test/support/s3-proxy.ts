import { once } from 'node:events';
import http from 'node:http';
import type { S3Server } from './s3-server.js';
import { portOf } from './port-of.js';

export interface Refusal {
  readonly status: number;
  /** The service's error code in the body; a HEAD has no body. */
  readonly code: string;
}

/**
 * A proxy for an S3 service on a loopback port. `refuse` decides about each request; null passes it on. `nth`
 * counts requests of the same method and path from 1.
 */
export async function refusingProxy(
  service: S3Server,
  refuse: (request: http.IncomingMessage, nth: number) => Refusal | null,
): Promise<{ readonly endpoint: string; close(): Promise<void> }> {
  const counts = new Map<string, number>();
  const { hostname, port } = new URL(service.endpoint);
  const proxy = http.createServer((request, response) => {
    const { method, url, headers } = request;
    const key = `${method} ${url}`;
    const nth = (counts.get(key) ?? 0) + 1;
    counts.set(key, nth);
    const refusal = refuse(request, nth);
    if (refusal !== null) {
      request.resume();
      response.writeHead(refusal.status, { 'content-type': 'application/xml' });
      response.end(
        method === 'HEAD'
          ? undefined
          : `<?xml version="1.0"?><Error><Code>${refusal.code}</Code><Message>words</Message></Error>`,
      );
      return;
    }
    // The client signed the host, so it stays as it is.
    const passed = http.request({ hostname, port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    request.pipe(passed);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    endpoint: `http://127.0.0.1:${portOf(proxy)}`,
    async close() {
      proxy.closeAllConnections();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
