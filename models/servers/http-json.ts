import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { errorMessage, PanicError } from '../../experiment/errors.js';
import { BUSY_STATUSES, PassingFailure, retryAfterMs, withRetries } from '../retry.js';

const DELAYS_MS = [500, 1000, 2000];
// A 4096 x 4096 picture as base64 of PNG is some 65 MB.
const MAX_ANSWER_BYTES = 128 * 2 ** 20;

export interface Endpoint {
  readonly url: URL;
  /** Milliseconds for one attempt, from sending to the last byte. */
  readonly timeoutMs: number;
  /** Sent as a bearer token. */
  readonly apiKey: string | undefined;
  readonly signal: AbortSignal;
}

/** A request that a server refuses; `status` is HTTP's. */
export class ServerRefusal extends PanicError {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super('InvalidInput', message);
  }
}

interface Answer {
  readonly status: number;
  readonly retryAfterMs: number | null;
  readonly text: string;
}

/**
 * Sends JSON (or a plain GET, without a body) and reads the JSON of the answer. Busy servers and lost connections are tried
 * again, four times in all; redirects are not followed, so that nothing goes to a host that nobody named.
 *
 * Throws PanicError `DeviceError` where the server cannot be reached, stays busy or is too slow, and `InvalidInput` where
 * it refuses the request. An aborted signal rejects with its reason.
 */
export async function requestJson(endpoint: Endpoint, body?: unknown): Promise<unknown> {
  const { url, signal } = endpoint;
  return await withRetries(
    async () => {
      const answer = await exchange(endpoint, body).catch((error: unknown) => {
        throw new PassingFailure(`${url.href}: ${errorMessage(error)}`, { cause: error });
      });
      if (BUSY_STATUSES.has(answer.status)) throw new PassingFailure(told(url, answer), answer);
      return jsonOf(url, answer);
    },
    { kind: 'DeviceError', delaysMs: DELAYS_MS, signal },
  );
}

/** node:http and not fetch, which gives up on a server that computes for five minutes before it answers. */
function exchange({ url, timeoutMs, apiKey, signal }: Endpoint, body?: unknown): Promise<Answer> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const limit = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(limit.aborted ? new Error(`no answer within ${timeoutMs / 1000} s`) : error);
    const sent = request(
      url,
      {
        method: payload === undefined ? 'GET' : 'POST',
        signal: AbortSignal.any([signal, limit]),
        headers: {
          accept: 'application/json',
          ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
          ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          chunks.push(chunk);
          if (bytes > MAX_ANSWER_BYTES)
            response.destroy(new Error(`the answer exceeds ${MAX_ANSWER_BYTES} bytes`));
        });
        response.on('error', fail);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            retryAfterMs: retryAfterMs(response.headers['retry-after']),
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    sent.on('error', fail);
    sent.end(payload);
  });
}

function jsonOf(url: URL, answer: Answer): unknown {
  if (answer.status < 200 || answer.status > 299) throw new ServerRefusal(told(url, answer), answer.status);
  try {
    return JSON.parse(answer.text);
  } catch (error) {
    throw new PanicError('ModelOutputInvalid', `${url.href} answered with something that is not JSON`, {
      cause: error,
    });
  }
}

function told(url: URL, { status, text }: Answer): string {
  const said = text.trim().slice(0, 300);
  const remedy =
    status === 401 || status === 403 ? ' (PANIC_TDA_SERVER_API_KEY holds the key that is sent)' : '';
  return `${url.href} answered with status ${status}${remedy}${said === '' ? '' : `: ${said}`}`;
}
