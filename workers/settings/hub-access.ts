import { PanicError } from '../../common/errors.js';
import { httpUrl } from '../../common/path-text.js';
import type { Variables } from './variables.js';

/** The hub from which model files are pulled, in the variables of the hub's own tools. */
export interface HubAccess {
  /** URL without a slash at the end. */
  readonly endpoint: string;
  /** Never stored or printed. */
  readonly token: string | undefined;
  /** Proxies between this machine and the hub; '' where there is none. */
  readonly proxies?: { readonly http: string; readonly https: string; readonly except: string };
}

/**
 * Reads `HF_ENDPOINT`, `HF_TOKEN`, and the proxies in `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
 * `NO_PROXY`, in upper or lower case (lower case first, as curl does). Throws PanicError `InvalidInput` if
 * the endpoint or a proxy is no URL.
 */
export function hubAccess(variables: Variables = process.env): HubAccess {
  const given = variables['HF_ENDPOINT']?.trim() || 'https://huggingface.co';
  if (httpUrl(given) === null) {
    throw new PanicError(
      'InvalidInput',
      `HF_ENDPOINT is "${given}"; it can be a URL such as https://huggingface.co`,
    );
  }
  return {
    endpoint: given.replace(/\/+$/, ''),
    token: variables['HF_TOKEN']?.trim() || undefined,
    ...proxiesOf(variables),
  };
}

/** The proxies of `hubAccess`, for other addresses. Throws PanicError `InvalidInput` if one is no URL. */
export function proxies(variables: Variables = process.env): HubAccess['proxies'] {
  return proxiesOf(variables).proxies;
}

function proxiesOf(variables: Variables): Pick<HubAccess, 'proxies'> {
  const valueOf = (name: string): string => (variables[name.toLowerCase()] ?? variables[name] ?? '').trim();
  const all = proxyUrl('ALL_PROXY', valueOf('ALL_PROXY'));
  const http = proxyUrl('HTTP_PROXY', valueOf('HTTP_PROXY')) || all;
  const https = proxyUrl('HTTPS_PROXY', valueOf('HTTPS_PROXY')) || all;
  if (http === '' && https === '') return {};
  return { proxies: { http, https, except: valueOf('NO_PROXY') } };
}

/**
 * Accepts an address without its scheme, as other programs do. The message leaves the address out, since it
 * may contain a password.
 */
function proxyUrl(name: string, given: string): string {
  if (given === '') return '';
  const address = /^[a-z][a-z0-9+.-]*:\//i.test(given) ? given : `http://${given}`;
  if (httpUrl(address) !== null) return address;
  throw new PanicError(
    'InvalidInput',
    `${name} names a proxy that cannot be used; it can be a URL such as http://proxy.example:3128, with http: or https:`,
  );
}
