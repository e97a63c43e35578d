import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { MAX_PICTURE_PIXELS } from '../../experiment/artifact.js';
import { errorMessage, isPanicError, PanicError } from '../../common/errors.js';
import { excerptOf } from '../../common/text.js';
import { isBusyStatus, PassingFailure, retryAfterMs, withRetries } from '../retry.js';

const DELAYS_MS = [500, 1000, 2000];
/**
 * Room for the largest picture that models may paint, as base64 of an incompressible PNG with transparency, and for
 * the JSON around it.
 */
const MAX_ANSWER_BYTES = Math.ceil((MAX_PICTURE_PIXELS * 4 * 4) / 3) + 2 ** 20;
/** For an answer that is no success. A message shows some hundred characters of it. */
const MAX_REFUSAL_BYTES = 2 ** 20;

export interface Endpoint {
  readonly url: URL;
  /** Milliseconds for one attempt, from sending to the last byte. */
  readonly timeoutMs: number;
  /** The bearer token of the request. */
  readonly apiKey: string | undefined;
  /** The most bytes of an answer. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** A server refused a request; `status` is the HTTP status. */
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
  readonly bytes: Buffer;
}

/** The server took the connection and did not answer in time. It may be at work on another request. */
class Silence extends Error {}

/**
 * Sends JSON (or a plain GET, without a body) and reads the JSON of the answer. It tries busy servers and lost
 * connections again, four times in all. It follows no redirect, so that a request reaches only a host that the user
 * named.
 *
 * Throws PanicError `DeviceError` where the server cannot be reached, stays busy or is too slow, `InvalidInput`
 * where it refuses the request, and `ModelOutputInvalid` where its answer is too long or no JSON. An aborted signal
 * rejects with its reason.
 */
export async function requestJson(endpoint: Endpoint, body?: unknown): Promise<unknown> {
  return await exchangeAgain(endpoint, body, (answer) => {
    if (isBusyStatus(answer.status)) throw new PassingFailure(told(endpoint.url, answer), answer);
    return jsonOf(endpoint.url, answer);
  });
}

/**
 * Asks for JSON that a server need not have. Null where it answers with anything else, whatever its status, or
 * takes the connection and does not answer in time. Throws as `requestJson` does where the server cannot be
 * reached.
 */
export async function probeJson(endpoint: Endpoint): Promise<unknown> {
  try {
    return await exchangeAgain(endpoint, undefined, ({ status, bytes }) => {
      if (!isSuccess(status)) return null;
      try {
        return JSON.parse(bytes.toString()) as unknown;
      } catch {
        return null;
      }
    });
  } catch (error) {
    if (error instanceof Silence) return null;
    throw error;
  }
}

/** Tries lost connections again; `read` turns an answer into the result. */
async function exchangeAgain(
  endpoint: Endpoint,
  body: unknown,
  read: (answer: Answer) => unknown,
): Promise<unknown> {
  const { url, signal } = endpoint;
  return await withRetries(
    async () => {
      const answer = await exchange(endpoint, body).catch((error: unknown) => {
        if ((body === undefined && error instanceof Silence) || isPanicError(error)) throw error;
        throw new PassingFailure(`${url.href}: ${errorMessage(error)}`, { cause: error });
      });
      return read(answer);
    },
    { kind: 'DeviceError', delaysMs: DELAYS_MS, signal },
  );
}

/** Uses node:http and not fetch, which gives up on a server that computes for five minutes before it answers. */
function exchange({ url, timeoutMs, apiKey, maxBytes, signal }: Endpoint, body?: unknown): Promise<Answer> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const limit = AbortSignal.timeout(timeoutMs);
  const most = Math.min(maxBytes, MAX_ANSWER_BYTES);
  return new Promise((resolve, reject) => {
    let connected = false;
    const fail = (error: Error): void => {
      const late = `no answer within ${timeoutMs / 1000} s`;
      if (!limit.aborted) reject(error);
      else reject(connected ? new Silence(late) : new Error(late));
    };
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
        const status = response.statusCode ?? 0;
        const chunks: Buffer[] = [];
        let bytes = 0;
        const finish = (): void =>
          resolve({
            status,
            retryAfterMs: retryAfterMs(response.headers['retry-after']),
            bytes: Buffer.concat(chunks),
          });
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          chunks.push(chunk);
          if (isSuccess(status) && bytes > most) response.destroy(tooLong(url, most));
          else if (!isSuccess(status) && bytes > MAX_REFUSAL_BYTES) {
            finish();
            response.destroy();
          }
        });
        response.on('error', fail);
        response.on('end', finish);
      },
    );
    sent.on('error', fail);
    sent.on('socket', (socket) => {
      // A reused connection is connected already.
      if (socket.connecting) socket.once('connect', () => (connected = true));
      else connected = true;
    });
    sent.end(payload);
  });
}

function tooLong(url: URL, most: number): PanicError {
  return new PanicError(
    'ModelOutputInvalid',
    `${url.href} answered with more than ${most} bytes; it was not read on`,
  );
}

function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299;
}

function jsonOf(url: URL, answer: Answer): unknown {
  if (!isSuccess(answer.status)) throw new ServerRefusal(told(url, answer), answer.status);
  try {
    // Refuses bytes that are no UTF-8. With U+FFFD in their place, the store would hold words that the model did
    // not write.
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(answer.bytes)) as unknown;
  } catch (error) {
    throw new PanicError(
      'ModelOutputInvalid',
      `${url.href} answered with something that is not JSON in UTF-8: ${excerptOf(errorMessage(error), 200)}`,
      { cause: error },
    );
  }
}

function told(url: URL, { status, bytes }: Answer): string {
  const said = excerptOf(bytes.toString().trim(), 300);
  const remedy =
    status === 401 || status === 403 ? ' (PANIC_TDA_SERVER_API_KEY holds the key that is sent)' : '';
  return `${url.href} answered with status ${status}${remedy}${said === '' ? '' : `: ${said}`}`;
}
