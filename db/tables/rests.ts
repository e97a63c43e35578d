import { eq, sql } from 'drizzle-orm';
import { ENDED_RUN_STATUSES } from '../../experiment/run-status.js';
import { quoted } from '../quoted.js';
import type { Database } from '../connection/database.js';
import { experiments } from '../schema.js';
import { get as first, run } from '../connection/work.js';
import type { Work } from '../connection/work.js';

/**
 * A time in which no worker worked on an experiment: it was paused, or no process drove it. Milliseconds
 * since the epoch.
 */
export type Rest = readonly [from: number, to: number];

/**
 * The rests of a row, in order and without overlap. Empty if an older version wrote the row, or if the text
 * cannot be read.
 */
export function storedRests(json: string | null): readonly Rest[] {
  if (json === null) return [];
  try {
    const stored: unknown = JSON.parse(json);
    return Array.isArray(stored) && stored.every(isRest) ? joined(stored) : [];
  } catch {
    return [];
  }
}

function isRest(value: unknown): value is Rest {
  return Array.isArray(value) && value.length === 2 && value.every((time) => Number.isSafeInteger(time));
}

/** Rests in order; those that overlap or meet become one. */
function joined(rests: readonly Rest[]): Rest[] {
  const apart: [number, number][] = [];
  for (const [from, to] of rests.toSorted((a, b) => a[0] - b[0])) {
    if (to <= from) continue;
    const last = apart.at(-1);
    if (last === undefined || from > last[1]) apart.push([from, to]);
    else last[1] = Math.max(last[1], to);
  }
  return apart;
}

/** The part of a span that was rest, in milliseconds. */
export function restedMs(rests: readonly Rest[], from: number, to: number): number {
  return joined(rests).reduce(
    (sum, [begin, end]) => sum + Math.max(0, Math.min(end, to) - Math.max(begin, from)),
    0,
  );
}

/**
 * The time in which workers worked on an experiment in one store: between two times, without its rests. Null
 * if they never did.
 */
export interface AtWork {
  readonly from: number;
  readonly to: number;
  readonly rests: readonly Rest[];
}

/**
 * The rests of an experiment that was at work in two stores: the times when neither store worked, from the
 * first work to the last.
 */
export function commonRests(one: AtWork | null, other: AtWork | null): readonly Rest[] {
  if (one === null || other === null) return (one ?? other)?.rests ?? [];
  const common: Rest[] = [];
  for (const [from, to] of withEnds(one)) {
    for (const [begin, end] of withEnds(other)) common.push([Math.max(from, begin), Math.min(to, end)]);
  }
  return joined(common).filter((rest) => rest.every(Number.isFinite));
}

function withEnds({ from, to, rests }: AtWork): Rest[] {
  return joined([[-Infinity, from], ...rests, [to, Infinity]]);
}

/**
 * The time of the last row that shows work on an experiment: of a step, or of the end of a run; null if there
 * is none. `?` stands for the experiment's id.
 */
export const LAST_WORK = `
  select max(case when stored_at > coalesce(finished_at, 0) then stored_at else finished_at end) as "at"
  from (
    select finished_at,
      -- Behind its last step comes the end of a run; one that has never begun has neither.
      case when status not in (${quoted(ENDED_RUN_STATUSES)}) and (started_at is not null or attempt > 1)
        then (select created_at from invocations where run_id = runs.id order by sequence desc limit 1) end as stored_at
    from runs where experiment_id = ?) as of_experiment`;

/** Records the rests of an experiment. These are parts of transactions that write its row. */
export function restKeeper({ build, rows }: Pick<Database, 'build' | 'rows'>) {
  const [before = '', after = ''] = LAST_WORK.split('?');

  function* lastWork(id: string): Work<number | null> {
    const [row] = yield* rows<{ at: number | null }>(sql`${sql.raw(before)}${id}${sql.raw(after)}`);
    return row?.at ?? null;
  }

  /** Locks the row first, so that a rest that another transaction adds meanwhile is not lost. */
  function* add(id: string, rest: Rest): Work<void> {
    const row = eq(experiments.id, id);
    yield* run(
      build
        .update(experiments)
        .set({ rests: sql`${experiments.rests}` })
        .where(row),
    );
    const there = yield* first(build.select({ rests: experiments.rests }).from(experiments).where(row));
    if (there === undefined) return;
    const rests = joined([...storedRests(there.rests), rest]);
    const json = rests.length === 0 ? null : JSON.stringify(rests);
    yield* run(build.update(experiments).set({ rests: json }).where(row));
  }

  /**
   * Adds the rest from the last stored row until now: for a drive that was cut off, no row says more exactly
   * when it ended. Adds nothing if the experiment has no such row.
   */
  function* addSinceLastWork(id: string, now: number): Work<void> {
    const last = yield* lastWork(id);
    if (last !== null) yield* add(id, [last, now]);
  }

  return { lastWork, add, addSinceLastWork };
}
