import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { programVersions } from './python-programs.js';

export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGiB: number;
  /** Names and versions: ours, Node.js, Python and the other programs. */
  readonly versions: readonly string[];
  /** Year, month and day. */
  readonly date: string;
}

export function describeMachine(python: string, programs?: readonly string[]): Machine {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    versions: [ourVersion(), `Node.js ${process.versions.node}`, ...programVersions(python, programs)],
    date: new Date().toISOString().slice(0, 10),
  };
}

/** Name and version of this program, with the commit if the sources are under git. */
export function ourVersion(): string {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const { name, version }: Record<string, string> = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const git = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' });
  return `${name} ${version}${git.status === 0 ? ` (${git.stdout.trim()})` : ''}`;
}
