import { CommanderError } from 'commander';
import { assertNever, isPanicError } from '../../common/errors.js';
import type { FailureKind } from '../../common/errors.js';
import { isOutage } from '../../workers/patience.js';
import { EXIT } from './exit-codes.js';

/** What `--json` prints on standard output instead of a result if a command ends with an error. */
export interface ErrorDocument {
  readonly error: {
    /**
     * One of the kinds of `common/errors.ts`, or one of these. `Usage`: the command line does not know the
     * words. `Stopped`: a signal, a `cancel` or a `pause` ended the command. `Failed`: the command itself gave
     * up. `Unknown`: the command cannot say how its work ended. `Error`: any other error.
     */
    readonly kind: string;
    readonly message: string;
    readonly exitCode: number;
  };
}

/**
 * Uses Commander's message without its prefix and without the hint below it, which `configureOutput` prints.
 */
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

/**
 * A command had to leave its work without knowing how that ends. The work may continue. The message says why.
 */
export class Unfinished extends Error {
  override readonly name = 'Unfinished';
}

/** For a command that ended without its result: `Stopped` by a signal or from elsewhere, else `Failed`. */
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

/** Our own errors say everything themselves. Errors of libraries often leave the reason to their cause. */
export function withCauses(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (isPanicError(error) || !(error.cause instanceof Error)) return error.message;
  const cause = withCauses(error.cause);
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}

/**
 * Whether the words of a command line ask for JSON. Commander gives no options if it could not read them, so
 * this looks by itself. Nothing after `--` is an option.
 */
export function asksForJson(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return (end < 0 ? words : words.slice(0, end)).includes('--json');
}
