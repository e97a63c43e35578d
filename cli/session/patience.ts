import { patiently } from '../../workers/patience.js';
import type { Outage, PatienceOptions } from '../../workers/patience.js';
import { duration, oneLine } from '../terminal/format.js';
import { note } from '../terminal/output.js';

type OnOutage = NonNullable<PatienceOptions['onOutage']>;

/** What a command says when something stops answering, and when it answers again. Whole sentences. */
export interface OutageWords {
  readonly away: (outage: Outage) => string;
  readonly back: (awayMs: number) => string;
}

const USUAL: OutageWords = {
  away: ({ reason }) => `Waiting until it answers: ${oneLine(reason)}`,
  back: (awayMs) => `It answers again, after ${duration(awayMs)}.`,
};

/** Notes once that something does not answer, and once that it answers again. */
export function outageNotes({ away, back }: OutageWords = USUAL): OnOutage {
  let since: number | null = null;
  return (outage) => {
    if ((since !== null) === (outage !== null)) return;
    if (outage !== null) note(away(outage));
    else if (since !== null) note(back(Date.now() - since));
    since = outage?.since ?? null;
  };
}

/** Asks a store, and may wait for it. */
export type Asking = <T>(ask: () => Promise<T>) => Promise<T>;

/**
 * Waits for a store that has answered before, as long as it takes. The first question is asked only once: if
 * the store never answered, its address may be wrong.
 */
export function onceAnswered(options: PatienceOptions): Asking {
  let answered = false;
  return async (ask) => {
    const answer = answered ? await patiently(ask, options) : await ask();
    answered = true;
    return answer;
  };
}
