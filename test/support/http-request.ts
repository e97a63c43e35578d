import { request as send, type IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/**
 * A request with any headers, to any port. `fetch` sets Host itself, and refuses the ports that browsers
 * refuse.
 */
export async function httpRequest(
  url: string,
  {
    headers = {},
    method = 'GET',
    body,
    timeoutMs = 10_000,
  }: {
    readonly headers?: Readonly<Record<string, string>>;
    readonly method?: string;
    readonly body?: string;
    readonly timeoutMs?: number;
  } = {},
): Promise<HttpAnswer> {
  return await new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const request = send(url, { headers, method, agent: false, signal }, (answer) => {
      text(answer).then(
        (read) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: read }),
        reject,
      );
    });
    request.once('error', reject).end(body);
  });
}
