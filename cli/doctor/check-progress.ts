import type { Store } from '../../db/index.js';
import type { Stage as CheckStage, OnProgress } from '../../db/doctor/index.js';
import { count, rate, timeLeft } from '../terminal/format.js';
import { bar, liveProgress } from '../terminal/live-display.js';

interface State {
  readonly stage: CheckStage;
  readonly rows: number;
  /** Rows of all tables that the check reads. Null if the number is not known. */
  readonly of: number | null;
  readonly perSecond: number;
}

export interface CheckProgress {
  readonly onProgress: OnProgress;
  done(): void;
}

/**
 * Shows the progress of a check on standard error: a bar on a terminal, elsewhere a line every five seconds.
 */
export function checkProgress(silent: boolean, of: number | null): CheckProgress {
  const since = performance.now();
  let rows = 0;
  const live = liveProgress<State>({
    silent,
    cursor: true,
    bars: (state) => text(state, true),
    line: (state) => text(state, false),
  });
  return {
    onProgress(stage, more) {
      rows += more;
      const seconds = (performance.now() - since) / 1000;
      live.show({ stage, rows, of, perSecond: seconds > 0 ? rows / seconds : 0 });
    },
    done: () => live.done(),
  };
}

function text({ stage, rows, of, perSecond }: State, drawn: boolean): string {
  const known = of !== null && of > 0;
  const figures = known ? `${count(rows)} of ${count(of)} rows` : `${count(rows)} rows`;
  const pace = perSecond > 0 ? `, ${rate(perSecond)} rows/s` : '';
  const left = known && perSecond > 0 && rows < of ? `, ${timeLeft((1000 * (of - rows)) / perSecond)}` : '';
  return `${drawn && known ? `${bar(rows, of)} ` : ''}checking ${stage}: ${figures}${pace}${left}`;
}

// The check reads the runs twice: once against the plan, and once each with its steps.
const ROWS = `select (select 2 * count(*) from runs) + (select count(*) from invocations) + (select count(*) from diagrams)
  + (select count(*) from surrogates) + (select count(*) from vectors) + (select count(*) from prompt_vectors)
  + (select count(*) from artifacts) as "rows"`;

/** Counts the rows that a check of the whole store reads. Null if they cannot be counted. */
export async function countRows({ db }: Store): Promise<number | null> {
  const snapshot = await db.snapshot();
  try {
    for await (const { rows } of snapshot.rows<{ rows: number }>(ROWS)) return rows;
    return null;
  } catch {
    // The file may be damaged. The check itself will report that.
    return null;
  } finally {
    await snapshot.close();
  }
}
