import { setTimeout as sleep } from 'node:timers/promises';

export interface QuestionBounds {
  /** How long a caller waits for an answer, in milliseconds. */
  readonly withinMs: number;
  /**
   * For how long an answer is given again: a time in milliseconds, and a multiple of the time that it took.
   * The longer one holds.
   */
  readonly keptMs?: number | undefined;
  readonly keptTimes?: number | undefined;
}

/** An answer did not come in time. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
}

/**
 * A question to a service that may be away, for callers that ask repeatedly. Only one question is under way
 * at a time, so callers that gave up leave no heap of questions behind. An answer is kept for a while. A
 * failure is not kept.
 */
export function question<T>(
  ask: () => Promise<T>,
  { withinMs, keptMs = 0, keptTimes = 0 }: QuestionBounds,
): () => Promise<T> {
  let underWay: Promise<T> | null = null;
  let kept: { readonly answer: T; readonly until: number } | null = null;

  async function asked(): Promise<T> {
    const began = performance.now();
    try {
      const answer = await Promise.resolve().then(ask);
      const took = performance.now() - began;
      kept = { answer, until: began + took + Math.max(keptMs, keptTimes * took) };
      return answer;
    } finally {
      underWay = null;
    }
  }

  return async () => {
    if (kept !== null && performance.now() < kept.until) return kept.answer;
    kept = null;
    underWay ??= asked();
    const waiting = new AbortController();
    const late = sleep(withinMs, undefined, { signal: waiting.signal }).then(() => {
      throw new Unanswered(`no answer within ${withinMs / 1000} s`);
    });
    try {
      return await Promise.race([underWay, late]);
    } finally {
      waiting.abort();
    }
  };
}
