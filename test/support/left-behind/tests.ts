import { expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { exitCode, isRunning, repositoryPath, until } from '../child-processes.js';
import { temporaryFolder } from '../temporary-folder.js';
import { z } from 'zod';
import { readJsonFile } from '../json.js';

const linux = process.platform === 'linux';
if (!linux) console.warn('skipped: processes that tests leave behind are found in /proc, which is not here');
const testOnLinux = linux ? test : test.skip;

interface SubRun {
  readonly jest: ChildProcess;
  readonly output: () => string;
  /**
   * The processes that the suite has started, when all of them run: a worker, a frozen one, a run, its server
   * and its two workers.
   */
  readonly started: () => number[] | null;
}

/** A run of Jest as a user starts it, with one suite of the folder left-behind. */
function runSuite(name: 'failing' | 'late' | 'endless'): SubRun {
  const file = join(temporaryFolder(), 'pids.json');
  const words = [
    'node_modules/jest/bin/jest.js',
    '-i',
    '--config',
    'test/support/left-behind/jest.config.js',
  ];
  const child = spawn(process.execPath, ['--experimental-vm-modules', ...words, name], {
    cwd: repositoryPath(''),
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LEFT_BEHIND: file },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const started = () => (existsSync(file) ? readJsonFile(file, z.array(z.number())) : null);
  return { jest: child, output: () => output, started };
}

export interface LeftBehind {
  readonly suites: readonly ('failing' | 'late')[];
  readonly signals: readonly ('SIGKILL' | 'SIGINT')[];
}

/** Makes a test for each suite that ends by itself, and for each signal that ends the process of a suite. */
export function testLeftBehind({ suites, signals }: LeftBehind): void {
  testOnLinux.each(suites)(
    'a suite that is %s leaves no process behind, whatever it started',
    async (name) => {
      const run = runSuite(name);
      const code = await exitCode(run.jest);
      expect({ code, output: run.output() }).toEqual({
        code: 1,
        output: expect.stringContaining('left a process'),
      });
      expect(run.started()).toHaveLength(6);
      expect(run.started()!.filter(isRunning)).toEqual([]);
    },
  );

  testOnLinux.each(signals)(
    'a suite whose process is ended by %s leaves no process behind, not even its server',
    async (signal) => {
      const run = runSuite('endless');
      const ended = exitCode(run.jest);
      await until(
        'the suite has started all',
        () => run.started() !== null || run.jest.exitCode !== null,
        400_000,
      );
      expect({ started: run.started()?.length, output: run.output() }).toMatchObject({ started: 6 });
      expect(run.started()!.every(isRunning)).toBe(true);
      run.jest.kill(signal);
      await ended;
      await until('all of it is gone', () => !run.started()!.some(isRunning), 60_000);
    },
  );
}
