import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { getuid } from 'node:process';
import { spawnSync } from 'node:child_process';

/**
 * Exit status if the machine lacks something. Test harnesses read it as skipped: neither passed nor failed.
 */
export const EXIT_UNAVAILABLE = 77;

const PROGRAMS = [
  { name: 'ip', from: 'iproute2 (Debian: apt-get install iproute2)' },
  { name: 'unshare', from: 'util-linux' },
  { name: 'setpriv', from: 'util-linux' },
  { name: 'hostname', from: 'Debian: apt-get install hostname' },
  { name: 'mount', from: 'util-linux' },
  { name: 'go', from: 'https://go.dev/dl, to build the Temporal server' },
] as const;

/** What this machine lacks to play several hosts, each as a sentence with the remedy. Changes nothing. */
export function missingRequirements(searchPath: string | undefined): string[] {
  if (process.platform !== 'linux')
    return ['network namespaces are a part of Linux, and this is another system'];
  const folders = (searchPath ?? '').split(delimiter);
  const missing: string[] = PROGRAMS.filter(
    ({ name }) => !folders.some((folder) => existsSync(join(folder, name))),
  ).map(({ name, from }) => `the program ${name} is not on PATH (${from})`);
  if (getuid?.() !== 0) missing.push('network namespaces are made by root only; run it with sudo');
  if (!existsSync('/dev/net/tun')) missing.push('/dev/net/tun is not there (modprobe tun)');
  if (missing.length > 0) return missing;
  const probe = spawnSync(
    'unshare',
    [
      '--mount',
      '--net',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      'ip',
      'link',
      'add',
      'probe',
      'type',
      'bridge',
    ],
    { encoding: 'utf8' },
  );
  if (probe.status !== 0) {
    missing.push(`namespaces or bridges cannot be made here: ${probe.stderr.trim()}`);
  }
  return missing;
}
