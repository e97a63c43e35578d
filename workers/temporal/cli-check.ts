import { accessSync, constants, statSync } from 'node:fs';
import { errorMessage } from '../../common/errors.js';
import { isThere } from '../../common/presence.js';
import { sha256OfFile } from '../../models/files/sha256.js';
import { childEnvironment } from '../../common/child-environment.js';
import { runCommand } from '../processes/run-command.js';
import { pinnedCliVersion, type PinnedCli } from './cli-pins.js';

/** Node's names of this system and processor. */
export const platform = `${process.platform}-${process.arch}`;

/**
 * How a file differs from the pinned CLI, in words that follow its name; null if it is that CLI. Runs
 * nothing.
 */
export async function otherThan(pinned: PinnedCli | undefined, path: string): Promise<string | null> {
  if (!isThere(path)) return 'does not exist';
  if (!isExecutableFile(path)) return 'is not an executable file';
  if (pinned === undefined) return `cannot be checked: no SHA-256 of a Temporal CLI is known for ${platform}`;
  const name = `the Temporal CLI ${pinnedCliVersion} for ${platform}`;
  try {
    const { size } = statSync(path);
    if (size !== pinned.bytes) return `has ${size} bytes, and ${name} has ${pinned.bytes}`;
    const sha256 = await sha256OfFile(path);
    return sha256 === pinned.sha256 ? null : `has the SHA-256 ${sha256}, and ${name} has ${pinned.sha256}`;
  } catch (error) {
    return errorMessage(error);
  }
}

type Answer = { version: string; fault?: undefined } | { version?: undefined; fault: string };

/** Runs the file, since a path that exists may be another system's binary, or a shim without its program. */
export async function askVersion(path: string): Promise<Answer> {
  if (!isThere(path)) return { fault: 'does not exist' };
  if (!isExecutableFile(path)) return { fault: 'is not an executable file' };
  const result = await runCommand(path, ['--version'], { timeoutMs: 20_000, env: childEnvironment('probe') });
  if (result.failure !== undefined) return { fault: result.failure };
  const version = /temporal version (\d+\.\d+\.\d+)/.exec(result.output)?.[1];
  return version === undefined
    ? { fault: 'does not answer --version as the Temporal CLI does' }
    : { version };
}

export function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
