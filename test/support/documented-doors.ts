import { readFileSync } from 'node:fs';
import { PORTS_CLOSED_TO_BROWSERS } from '../../workers/temporal/hidden-ports.js';
import { listeningSockets } from './listening.js';

/** A listening socket as docs/security.md describes it. */
export interface Door {
  readonly process: string;
  readonly address: string;
  readonly closedToBrowsers: boolean;
}

/** The rows of these processes in the first table of "Ports". */
export function documentedDoors(processes: readonly string[]): Door[] {
  const page = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');
  const section = page.slice(page.indexOf('\n## Ports\n'), page.indexOf('\n## Files'));
  return section
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter(([, process = '', port = '']) => processes.includes(process) && port.includes(': '))
    .map(([, process = '', port = '', address = '']) => ({
      process,
      address,
      closedToBrowsers: port.endsWith('closed to browsers'),
    }));
}

/** The sockets on which a process listens. */
export function doorsOf(process: string, pid: number): Door[] {
  return listeningSockets(pid).map(({ protocol, address, port }) => ({
    process,
    address: protocol === 'tcp' ? address.replace(/^127\.(?!0\.).*/, '127.x.y.z') : `${protocol} ${address}`,
    closedToBrowsers: PORTS_CLOSED_TO_BROWSERS.includes(port),
  }));
}

export function sortedDoors(doors: readonly Door[]): string[] {
  return doors.map((door) => JSON.stringify(door)).toSorted();
}
