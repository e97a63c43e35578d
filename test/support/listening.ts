import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface ListeningSocket {
  readonly protocol: 'tcp' | 'udp';
  /** An IPv4 address; "IPv6" for sockets of the other kind. */
  readonly address: string;
  readonly port: number;
}

/** From proc(5), /proc/net/tcp: TCP sockets that listen, and UDP sockets that are not connected. */
const STATES = { tcp: '0A', udp: '07' } as const;

/** Every socket of a process to which others can send. Linux only. */
export function listeningSockets(pid: number): ListeningSocket[] {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).map((descriptor) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1];
      } catch {
        return undefined;
      }
    }),
  );
  return (['tcp', 'udp'] as const).flatMap((protocol) =>
    ['', '6'].flatMap((family) =>
      readFileSync(`/proc/${pid}/net/${protocol}${family}`, 'utf8')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[3] === STATES[protocol] && own.has(fields[9]))
        .map(([, local = '']) => ({
          protocol,
          address: family === '' ? ipv4(local) : 'IPv6',
          port: Number.parseInt(local.split(':')[1]!, 16),
        })),
    ),
  );
}

/** Converts the kernel's little-endian hexadecimal, such as 0100007F:1C41. */
function ipv4(address: string): string {
  return [...Buffer.from(address.slice(0, 8), 'hex')].toReversed().join('.');
}
