import { isIPv4 } from 'node:net';

/**
 * The address to which an answer of `from` may lead: another HTTP address, encrypted if `from` is, and not on this
 * machine unless `from` is. Where it may not lead there, the result is the reason, as the end of a sentence that
 * begins with the address.
 */
export function redirectTarget(from: string, location: string): URL | string {
  const [base, target] = [new URL(from), URL.canParse(location, from) ? new URL(location, from) : null];
  if (target === null) return 'leads to something that is no address; not followed';
  if (target.protocol !== 'https:' && target.protocol !== 'http:') {
    return `leads to an address of ${target.protocol} and not of HTTP; not followed`;
  }
  if (base.protocol === 'https:' && target.protocol !== 'https:') {
    return `leads to ${target.origin}, which is not encrypted; not followed`;
  }
  if (target.username !== '' || target.password !== '') {
    return `leads to ${target.origin} with a user name; not followed`;
  }
  if (isThisMachine(target.hostname) && !isThisMachine(base.hostname)) {
    return `leads to ${target.origin}, which is this machine; not followed`;
  }
  return target;
}

/**
 * Loopback, the unspecified address, and the link-local ones, at which machines in clouds find their keys (RFC
 * 1122, 3927, 4291).
 */
function isThisMachine(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, '');
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  if (isIPv4(name)) return /^(?:0|127|169\.254)\./.test(name);
  // As a URL has them: [::1], [::ffff:7f00:1] and so on.
  return /^\[(?:::|::1|fe[89ab][0-9a-f]:.*|::ffff:(?:7f[0-9a-f]{2}|a9fe|0):.*)\]$/.test(name);
}
