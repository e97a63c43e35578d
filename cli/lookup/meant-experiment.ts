import type { ExperimentRow, Store } from '../../db/index.js';
import { unfinishedCount } from '../../experiment/run-status.js';
import { assertNever, PanicError } from '../../common/errors.js';
import { placeText, readingExperiments } from '../context.js';
import type { Context } from '../context.js';
import { createObserver, stateOf, stateText } from '../session/who-drives.js';
import type { State } from '../session/who-drives.js';
import { oneLine, table } from '../terminal/format.js';

/** Commands that choose the experiment themselves if the user gives no id. */
export type VerbWithoutId = 'pause' | 'resume' | 'cancel' | 'retry';

interface Candidate {
  readonly row: ExperimentRow;
  readonly state: State;
}

type Eligible = (candidate: Candidate, store: Store) => boolean | Promise<boolean>;

interface Choice {
  /** Describes the experiments of this choice, after the word "experiments". */
  readonly words: string;
  readonly eligible: Eligible;
}

const RUNNING: Choice = {
  words: 'are under way',
  eligible: ({ state }) => state === 'running' || state === 'planned',
};
const PAUSED: Choice = { words: 'are paused', eligible: ({ state }) => state === 'paused' };
const INTERRUPTED: Choice = {
  words: 'were interrupted',
  eligible: ({ state }) => state === 'interrupted',
};
const STOPPED: Choice = {
  words: 'have stopped before their end',
  eligible: async ({ row, state }, store) => {
    if (state === 'interrupted' || state === 'cancelled' || state === 'failed') return true;
    if (state !== 'completed_with_failures') return false;
    return unfinishedCount(await store.experiments.runsByStatus(row.id)) > 0;
  },
};
const WITH_FAILED_RUNS: Choice = {
  words: 'have failed runs',
  eligible: async ({ row, state }, store) =>
    state !== 'deleting' && (await store.experiments.runsByStatus(row.id)).failed > 0,
};
const UNDER_WAY: Choice = {
  words: 'are under way',
  eligible: (candidate, store) => RUNNING.eligible(candidate, store) || PAUSED.eligible(candidate, store),
};

/**
 * The choices in the order in which a verb looks for its experiment. The first choice that fits any experiment
 * decides.
 */
function choicesOf(verb: VerbWithoutId, ofOneRun: boolean): readonly [Choice, ...Choice[]] {
  switch (verb) {
    case 'pause':
      return ofOneRun ? [UNDER_WAY, INTERRUPTED] : [RUNNING, INTERRUPTED];
    case 'resume':
      return ofOneRun ? [UNDER_WAY, STOPPED] : [PAUSED, STOPPED];
    case 'cancel':
      return [UNDER_WAY];
    case 'retry':
      return [WITH_FAILED_RUNS];
    default:
      return assertNever(verb);
  }
}

const NONE: Readonly<Record<VerbWithoutId, string>> = {
  pause: 'no experiment is under way',
  resume: 'no experiment is paused, and none has stopped before its end',
  cancel: 'no experiment is under way',
  retry: 'no experiment has a failed run',
};

/**
 * The id of the experiment that a command without an id means: the only one that fits.
 * @throws PanicError `InvalidInput` if none fits, or if several do (it lists them).
 */
export async function meantExperiment(
  context: Context,
  verb: VerbWithoutId,
  ofOneRun: boolean,
): Promise<string> {
  return await readingExperiments(context, async (store) => {
    const candidates = await candidatesIn(context, store);
    for (const { words, eligible } of choicesOf(verb, ofOneRun)) {
      const found: Candidate[] = [];
      for (const candidate of candidates) if (await eligible(candidate, store)) found.push(candidate);
      const [only] = found;
      if (only !== undefined && found.length === 1) return only.row.id;
      if (found.length > 1) throw several(context, verb, words, found);
    }
    throw new PanicError(
      'InvalidInput',
      `${verb}: ${NONE[verb]} in ${placeText(context)}; "${context.command('list')}" shows those there are`,
    );
  });
}

async function candidatesIn(context: Context, store: Store): Promise<Candidate[]> {
  const observer = createObserver(context);
  try {
    const candidates: Candidate[] = [];
    for (const row of await store.experiments.list()) {
      candidates.push({ row, state: stateOf(row, await observer.driven(row)) });
    }
    return candidates;
  } finally {
    await observer.close();
  }
}

const LISTED = 10;

function several(
  context: Context,
  verb: VerbWithoutId,
  words: string,
  found: readonly Candidate[],
): PanicError {
  const rows = found
    .slice(0, LISTED)
    .map(({ row, state }) => [`  ${row.id}`, stateText(state), row.name === null ? '' : oneLine(row.name)]);
  const more = found.length > LISTED ? `\n  and ${found.length - LISTED} more` : '';
  return new PanicError(
    'InvalidInput',
    `${verb}: ${found.length} experiments ${words}; name the one that is meant, as in "${context.command(verb, found[0]!.row.id)}":\n${table(rows)}${more}`,
  );
}
