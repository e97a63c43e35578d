import type { Dispatcher } from 'undici';

/** Addresses of HTTP proxies; an empty text means no proxy. */
export interface Proxies {
  /** For hubs with http:, and for those with https: where `https` is empty. */
  readonly http: string;
  readonly https: string;
  /** Hosts that need no proxy, as in the variable NO_PROXY. */
  readonly except: string;
}

/** The request to a hub. */
interface Question {
  readonly headers: Record<string, string>;
  readonly redirect: 'manual' | 'follow';
  readonly signal: AbortSignal;
}

const agents = new WeakMap<Proxies, Dispatcher>();

/**
 * A fetch that goes through these proxies: undici's, since the fetch of Node 20 knows no proxies. Without proxies
 * it is Node's own.
 */
export async function fetchThrough(proxies: Proxies | undefined) {
  if (proxies === undefined) return fetch;
  const undici = await import('undici');
  let agent = agents.get(proxies);
  if (agent === undefined) {
    const { http: httpProxy, https: httpsProxy, except: noProxy } = proxies;
    agent = new undici.EnvHttpProxyAgent({ httpProxy, httpsProxy, noProxy });
    agents.set(proxies, agent);
  }
  const dispatcher = agent;
  return async (url: string, question: Question): Promise<Response> =>
    await undici.fetch(url, { ...question, dispatcher });
}
