import { expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { exitCode, isRunning, repositoryPath, until } from '../child-processes.js';
import { readJsonFile } from '../json.js';
import { temporaryFolder } from '../temporary-folder.js';

const linux = process.platform === 'linux';
if (!linux) console.warn('skipped: processes that tests leave behind are found in /proc, which is not here');
const testOnLinux = linux ? test : test.skip;

/**
 * Makes a test of a run of Jest as a user starts it. Its first suite ends by itself in this way. This signal ends the
 * process of Jest during the second suite.
 */
export function testLeftBehind(name: 'failing' | 'late', endedBy: 'SIGKILL' | 'SIGINT'): void {
  testOnLinux(
    `a suite that is ${name} leaves no process behind, nor does a suite whose process is ended by ${endedBy}, not even its server`,
    async () => {
      const folder = temporaryFolder();
      const config = 'test/support/left-behind/jest.config.js';
      const words = ['node_modules/jest/bin/jest.js', '-i', '--config', config, name, 'unending'];
      const run = spawn(process.execPath, ['--experimental-vm-modules', ...words], {
        cwd: repositoryPath(''),
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, LEFT_BEHIND: folder },
      });
      const ended = exitCode(run);
      let output = '';
      for (const stream of [run.stdout, run.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => (output += text));
      }
      const started = (what: 'simple' | 'run'): number[] => {
        const file = join(folder, what);
        return existsSync(file) ? readJsonFile(file, z.array(z.number())) : [];
      };
      try {
        await until(
          'the second suite has started all',
          () => started('run').length > 0 || run.exitCode !== null,
        );
        expect({ simple: started('simple').length, output }).toEqual({
          simple: 3,
          output: expect.stringMatching(new RegExp(`${name}.suite.ts left a process: .*sleep 3600`)),
        });
        expect(started('simple').filter(isRunning)).toEqual([]);
        // A run, its server, its two workers, and the server of the suite.
        expect(started('run')).toHaveLength(5);
        expect(started('run').every(isRunning)).toBe(true);
        run.kill(endedBy);
        await ended;
        await until('all of it is gone', () => !started('run').some(isRunning));
      } finally {
        run.kill('SIGKILL');
      }
    },
  );
}
