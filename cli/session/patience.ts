import { patiently } from '../../workers/patience.js';
import type { Outage, PatienceOptions } from '../../workers/patience.js';
import { duration, oneLine } from '../terminal/format.js';
import { note } from '../terminal/output.js';

type OnOutage = NonNullable<PatienceOptions['onOutage']>;

/** What a command says when something stops answering, and when it answers again. Sentences. */
export interface OutageWords {
  readonly away: (outage: Outage) => string;
  readonly back: (awayMs: number) => string;
}

const USUAL: OutageWords = {
  away: ({ reason }) => `Waiting until it answers: ${oneLine(reason)}`,
  back: (awayMs) => `It answers again, after ${duration(awayMs)}.`,
};

/** Notes that something does not answer, once, and that it does again. */
export function outageNotes({ away, back }: OutageWords = USUAL): OnOutage {
  let since: number | null = null;
  return (outage) => {
    if ((since !== null) === (outage !== null)) return;
    if (outage !== null) note(away(outage));
    else if (since !== null) note(back(Date.now() - since));
    since = outage?.since ?? null;
  };
}

/** Asks a store. */
export type Asking = <T>(ask: () => Promise<T>) => Promise<T>;

/**
 * Waits for a store that has answered before, as long as it takes. Where it never did its address may be wrong, so that the first question
 * is asked once.
 */
export function onceAnswered(options: PatienceOptions): Asking {
  let answered = false;
  return async (ask) => {
    const answer = answered ? await patiently(ask, options) : await ask();
    answered = true;
    return answer;
  };
}
