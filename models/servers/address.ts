import { isIP } from 'node:net';
import { PanicError } from '../../common/errors.js';
import { httpUrl } from '../../common/path-text.js';

const SERVER = 'server:';

export interface ServerAccess {
  /** Hosts beside loopback that requests may go to, as in a URL: `gpu-box.lan` or `gpu-box.lan:8000`. */
  readonly hosts: readonly string[];
  /** The bearer token of every request; never stored. */
  readonly apiKey?: string | undefined;
}

/**
 * The base address of a server's interface, `http://host:port/v1`, from a model's source. Throws PanicError
 * `InvalidInput` for any scheme but http(s), for an address with a password, and for a host that is neither
 * loopback nor allowed by the user: a catalogue file of another origin must not send prompts and pictures away.
 */
export function serverAddress(source: string, access: ServerAccess): URL {
  const text = source.slice(SERVER.length);
  const url = httpUrl(text);
  if (url === null) {
    throw new PanicError(
      'InvalidInput',
      `"${text}" is no address of a server; one is http://127.0.0.1:8000/v1`,
    );
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new PanicError(
      'InvalidInput',
      `the address of ${url.host} has a user name, a query or a fragment; give host, port and path only`,
    );
  }
  if (!isLoopback(url.hostname) && !access.hosts.some((host) => host === url.hostname || host === url.host)) {
    throw new PanicError(
      'InvalidInput',
      `${url.host} is not this machine; PANIC_TDA_SERVER_HOSTS=${url.host} allows to send prompts and pictures there`,
    );
  }
  return url;
}

/** Whether a host is loopback: 127.0.0.0/8, ::1 (RFC 1122, 4291), or the name that RFC 6761 reserves for them. */
function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'))
  );
}

/** `base` with more path: `/v1` and `chat/completions` make `/v1/chat/completions`. */
export function below(base: URL, path: string): URL {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/${path}`;
  return url;
}
