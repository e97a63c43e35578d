import { readFileSync } from 'node:fs';
import { errorMessage, PanicError } from '../../common/errors.js';

/**
 * Checks that this process gets the addresses of `memories` WebAssembly memories. An engine reserves 8 GiB of
 * addresses for each, of which next to nothing becomes memory.
 * @throws PanicError `InvalidInput` if the address space of the process is limited to less.
 */
export function requireAddressSpace(memories: number): void {
  const problem = addressSpaceProblem(memories);
  if (problem !== null) throw new PanicError('InvalidInput', problem);
}

/** The message of `requireAddressSpace` without its full stop; null if there is room. */
export function addressSpaceProblem(memories: number): string | null {
  const held: WebAssembly.Memory[] = [];
  try {
    while (held.length < memories) held.push(new WebAssembly.Memory({ initial: 1 }));
    return null;
  } catch (error) {
    const limit = limitOfAddresses();
    return (
      `this process gets addresses for ${held.length} of the ${memories} WebAssembly memories that it needs (${errorMessage(error)})` +
      `${limit === null ? '' : `: its address space is limited to ${limit}`}; lift that limit ("ulimit -v unlimited", or LimitAS=infinity of a systemd unit): ` +
      'it counts addresses, most of which never become memory'
    );
  }
}

/** The limit that Linux reports; null on other systems, and if there is no limit. */
function limitOfAddresses(): string | null {
  try {
    const [, soft] = /^Max address space +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined || soft === 'unlimited' ? null : `${soft} bytes`;
  } catch {
    return null;
  }
}
