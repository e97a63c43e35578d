import type { LogEntry } from '@temporalio/worker';
import type { AttemptFailure } from '../activities/failure-kinds.js';
import { errorMessage, errorName } from '../common/errors.js';
import { withoutSecrets } from '../common/secrets.js';
import { visibleLine } from '../common/text.js';

/** How long a repeated line is counted instead of written again. */
const REPEAT_MS = 10 * 60_000;
/**
 * How many kinds of lines are remembered. Beyond that, the kind written longest ago is forgotten, so its next
 * line may come too soon.
 */
const MOST_KINDS = 500;

const HANDED_BACK: AttemptFailure = 'WorkerShutdown';

export interface SdkLog {
  readonly write: (entry: LogEntry) => void;
  /** Writes how many left-out lines have not been reported yet. */
  readonly close: () => void;
}

interface Kind {
  writtenAt: number;
  leftOut: number;
}

/**
 * Writes the SDK's warnings as lines. If a store is away for an hour, every run fails 150 times with the same
 * words; the log has the first of these lines and counts the others. Two warnings are left out: queues that
 * have no workflows on purpose, and work that a stopping worker hands back, which is no failure.
 */
export function sdkLog(write: (line: string) => void, now: () => number = Date.now): SdkLog {
  const kinds = new Map<string, Kind>();

  function text({ level, message, meta }: LogEntry, kind: Kind | undefined): string {
    const { taskToken: _, ...told } = meta ?? {};
    const details = Object.keys(told).length === 0 ? '' : ` ${JSON.stringify(told, errorsAsText)}`;
    const repeated =
      kind === undefined || kind.leftOut === 0
        ? ''
        : ` (and ${kind.leftOut} more like it since ${new Date(kind.writtenAt).toISOString()})`;
    return `${new Date(now()).toISOString()} ${level} ${message}${details}${repeated}`;
  }

  return {
    write(entry) {
      if (entry.message.startsWith('No workflows registered') || isHandedBack(entry)) return;
      const key = kindOf(entry);
      const kind = kinds.get(key);
      if (kind !== undefined && now() - kind.writtenAt < REPEAT_MS) {
        kind.leftOut++;
        return;
      }
      write(visibleLine(withoutSecrets(text(entry, kind))));
      kinds.delete(key);
      kinds.set(key, { writtenAt: now(), leftOut: 0 });
      if (kinds.size > MOST_KINDS) kinds.delete(kinds.keys().next().value!);
    },
    close() {
      let leftOut = 0;
      for (const kind of kinds.values()) leftOut += kind.leftOut;
      kinds.clear();
      if (leftOut > 0)
        write(`${new Date(now()).toISOString()} ${leftOut} more lines like those above were left out`);
    },
  };
}

function isHandedBack({ meta }: LogEntry): boolean {
  const error: unknown = meta?.['error'];
  return typeof error === 'object' && error !== null && 'type' in error && error.type === HANDED_BACK;
}

/** Replaces the numbers and ids in which lines of one kind differ: runs, attempts, times. */
function kindOf({ level, message, meta }: LogEntry): string {
  const error: unknown = meta?.['error'];
  const type = typeof error === 'object' && error !== null && 'type' in error ? error.type : errorName(error);
  const words = error === undefined ? '' : errorMessage(error);
  return JSON.stringify([
    level,
    message.replaceAll(/\d+/g, '#'),
    meta?.['activityType'],
    type,
    words.replaceAll(/[0-9a-f-]*\d[0-9a-f-]*/g, '#'),
  ]);
}

function errorsAsText(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Error ? `${value.name}: ${value.message}` : value;
}
