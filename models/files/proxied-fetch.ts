import type { Dispatcher } from 'undici';

/** Addresses of HTTP proxies, each empty where there is none. */
export interface Proxies {
  /** For hubs behind http:, and for those behind https: where `https` is empty. */
  readonly http: string;
  readonly https: string;
  /** Hosts that are asked directly, as in the variable NO_PROXY. */
  readonly except: string;
}

/** What a hub is asked with. */
interface Question {
  readonly headers: Record<string, string>;
  readonly redirect: 'manual' | 'follow';
  readonly signal: AbortSignal;
}

const agents = new WeakMap<Proxies, Dispatcher>();

/** What asks by way of these proxies: undici's fetch, since that of Node 20 knows none; Node's own where there are none. */
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
