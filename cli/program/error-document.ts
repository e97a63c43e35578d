import { CommanderError } from 'commander';
import { assertNever, isPanicError } from '../../common/errors.js';
import type { FailureKind } from '../../common/errors.js';
import { isOutage } from '../../workers/patience.js';
import { EXIT } from './exit-codes.js';

/** What `--json` prints on standard output in place of a result, where a command ends with an error. */
export interface ErrorDocument {
  readonly error: {
    /**
     * One of the kinds of `common/errors.ts`; `Usage` for words that the command line does not know, `Stopped` after a signal,
     * a `cancel` or a `pause`, `Failed` where the command itself gave up, `Unknown` where it cannot say how its work ended, else `Error`.
     */
    readonly kind: string;
    readonly message: string;
    readonly exitCode: number;
  };
}

/** Commander's words without its prefix and without the hint below them, which `configureOutput` prints. */
export function errorDocument(error: unknown, exitCode: number): ErrorDocument {
  if (error instanceof CommanderError) {
    const message =
      error.code === 'commander.help' ? 'a command is missing' : error.message.replace(/^error: /, '').trim();
    return { error: { kind: 'Usage', message, exitCode } };
  }
  return { error: { kind: kindOf(error), message: withCauses(error), exitCode } };
}

function kindOf(error: unknown): string {
  if (isPanicError(error)) return error.kind;
  return error instanceof Unfinished || isOutage(error) ? 'Unknown' : 'Error';
}

/** A command had to leave its work, which may go on, without knowing how it ends. The message says why. */
export class Unfinished extends Error {
  override readonly name = 'Unfinished';
}

/** Of a command that ended by itself without its result: `Stopped` by a signal or from elsewhere, else `Failed`. */
export function unfinishedDocument(told: string, exitCode: number): ErrorDocument {
  const unknown = exitCode === EXIT.unknown;
  const stopped = !unknown && exitCode >= EXIT.cancelled;
  const message =
    told || (stopped ? 'the command was stopped' : 'the command did not do what it was asked to');
  return { error: { kind: unknown ? 'Unknown' : stopped ? 'Stopped' : 'Failed', message, exitCode } };
}

/** The exit code of a command that threw. Help and version are no failures. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
  if (isPanicError(error)) return exitCodeOfKind(error.kind);
  return error instanceof Unfinished || isOutage(error) ? EXIT.unknown : EXIT.failed;
}

function exitCodeOfKind(kind: FailureKind): number {
  switch (kind) {
    case 'InvalidInput':
    case 'ModelFilesMissing':
      return EXIT.badInput;
    case 'StoreUnavailable':
      return EXIT.unknown;
    case 'ModelOutputInvalid':
    case 'ResourceLimit':
    case 'DeviceError':
    case 'StoreConflict':
      return EXIT.failed;
    default:
      return assertNever(kind);
  }
}

/** Errors of ours say everything themselves; those of libraries often leave the reason to their cause. */
export function withCauses(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (isPanicError(error) || !(error.cause instanceof Error)) return error.message;
  const cause = withCauses(error.cause);
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}

/**
 * Whether the words of a command line ask for JSON. Looked for by itself, since commander gives no options where it could not
 * read them; what follows `--` is no option.
 */
export function asksForJson(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return (end < 0 ? words : words.slice(0, end)).includes('--json');
}
