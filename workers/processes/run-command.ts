import { spawn } from 'node:child_process';
import { excerptOf } from '../../common/text.js';

export interface CommandResult {
  /** Undefined if the command could not be started, was killed, or ran out of time. */
  readonly code: number | undefined;
  readonly output: string;
  /**
   * Part of a sentence if the code is not 0: "did not end within 60 s", "ended with code 1: No module named
   * venv".
   */
  readonly failure: string | undefined;
}

export interface CommandOptions {
  readonly timeoutMs: number;
  readonly env: Record<string, string>;
}

/**
 * Runs a command to its end in a process group of its own. If time runs out, the processes that it started
 * end too.
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  { timeoutMs, env }: CommandOptions,
): Promise<CommandResult> {
  return await new Promise((resolve) => {
    let output = '';
    let timedOut = false;
    const child = spawn(command, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const endGroup = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // The group has no process any more.
      }
    };
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup();
    }, timeoutMs);
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-100_000);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const settle = (code: number | undefined, failure: string | undefined): void => {
      clearTimeout(timer);
      endGroup();
      resolve({ code, output, failure });
    };
    child.once('error', (error) => settle(undefined, `cannot be started: ${error.message}`));
    child.once('exit', () => endGroup());
    child.once('close', (code, signal) => {
      if (code === 0) settle(0, undefined);
      else if (timedOut) settle(undefined, `did not end within ${Math.round(timeoutMs / 1000)} s`);
      else if (code === null) settle(undefined, `was ended by ${signal}`);
      else settle(code, `ended with code ${code}: ${lastLine(output)}`);
    });
  });
}

function lastLine(output: string): string {
  const line = output.trim().split('\n').at(-1)?.trim() ?? '';
  return excerptOf(line, 300) || 'no output';
}
