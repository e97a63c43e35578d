import { setImmediate } from 'node:timers/promises';
import { and, asc, eq, getTableColumns, gt, sql } from 'drizzle-orm';
import { PanicError } from '../../common/errors.js';
import { faultPoint } from '../../common/fault.js';
import type { GenerativeModel } from '../../experiment/model.js';
import { columnNames, placeholders } from '../columns.js';
import type { ArtifactTable, StoredContent } from './artifacts.js';
import type { Database } from '../connection/database.js';
import { unknownRun } from './runs.js';
import type { RunRow } from './runs.js';
import { artifacts as artifactRows, invocations, models, runs } from '../schema.js';
import { recordOf } from '../../common/records.js';
import { all, get, run as execute } from '../connection/work.js';
import type { Work } from '../connection/work.js';

export type InvocationRow = typeof invocations.$inferSelect;

/** Columns that state the place of a step in its run, and how and when it was made. */
const PLACE_AND_PROVENANCE = [
  'id',
  'runId',
  'sequence',
  'modelId',
  'inputId',
  'outputId',
  'seed',
  'source',
  'hostId',
  'batchSize',
  'computeMs',
  'createdAt',
] as const satisfies readonly (keyof InvocationRow)[];

/**
 * Every other column describes the model call itself. Copies of a step have them too: copies of equal work,
 * and steps filled from a cycle.
 */
type CallColumn = Exclude<keyof InvocationRow, (typeof PLACE_AND_PROVENANCE)[number]>;

const CALL_COLUMNS = columnNames(invocations).filter(
  (name): name is CallColumn => !PLACE_AND_PROVENANCE.some((other) => other === name),
);

/** The columns of a row about its model call. An omitted column is null. */
export type CallColumns = Pick<typeof invocations.$inferInsert, CallColumn>;

/** A model that was called, and its answer apart from the output. */
export interface ModelCall {
  readonly model: GenerativeModel;
  readonly answer: {
    /**
     * The number of tokens at the end of the input that the model had no room for; 0 if it read everything.
     */
    readonly cutTokens: number;
    /** Whether the model stopped at its limit of tokens, so that the end of the output is missing. */
    readonly outputCut: boolean;
  };
}

/** The columns of a step about its model call. No other code gives these columns their values. */
export function callColumns({ answer }: ModelCall): Pick<InvocationRow, CallColumn> {
  const { cutTokens, outputCut } = answer;
  return { cutTokens: cutTokens === 0 ? null : cutTokens, outputCut: outputCut ? 1 : null };
}

const NONE_TOLD = Object.fromEntries(CALL_COLUMNS.map((name) => [name, null]));

/** The position of a run: the next sequence, and the artifact that is its input. */
export interface Position {
  readonly sequence: number;
  readonly inputId: number;
}

export interface Step extends Position {
  readonly modelId: number;
  readonly seed: number;
  /** The output of the model, staged; or the id of an output that the store has already. */
  readonly output: StoredContent | number;
  readonly provenance:
    | {
        readonly source: 'computed';
        readonly hostId: number;
        readonly batchSize: number;
        readonly computeMs: number;
      }
    | { readonly source: 'reused' };
  readonly call: CallColumns;
  /**
   * Whether to look for an exact repeat, and then to end the run at it (`stop`) or to remember it
   * (`continue`).
   */
  readonly onCycle: 'stop' | 'continue' | 'ignore';
}

export interface EqualWork {
  readonly outputId: number;
  readonly call: CallColumns;
}

/** How far the rows say that a run has come. */
export interface RunProgress {
  readonly next: Position;
  readonly ended: 'length' | 'cycle' | null;
  readonly cycle: Cycle | null;
}

export interface Committed extends RunProgress {
  /** Another attempt had already written the step, and that row stays. */
  readonly superseded: boolean;
}

export interface Cycle {
  readonly start: number;
  readonly length: number;
}

export type InvocationTable = ReturnType<typeof invocationTable>;

const called = columnsOfCall((column) => column);
const counted = columnsOfCall((column) => sql<number>`count(${column})`);

/** A selection of each column about the model call. */
function columnsOfCall<T>(select: (column: (typeof invocations)[CallColumn]) => T): {
  readonly [Name in CallColumn]: T;
} {
  return recordOf(CALL_COLUMNS, (name) => select(invocations[name]));
}

/** Steps that a reader of a trajectory holds at a time. */
const STEPS_READ = 1000;

export function invocationTable({ build, read, write }: Database, artifacts: ArtifactTable) {
  // One statement, since another attempt may store a step and the end of the run between two of them.
  const reached = build
    .select({
      sequence: invocations.sequence,
      outputId: invocations.outputId,
      stopReason: runs.stopReason,
      cycleStart: runs.cycleStart,
      cycleLength: runs.cycleLength,
    })
    .from(runs)
    .leftJoin(
      invocations,
      and(
        eq(invocations.runId, runs.id),
        eq(
          invocations.sequence,
          sql`(select max(sequence) from invocations where run_id = ${sql.placeholder('runId')})`,
        ),
      ),
    )
    .where(eq(runs.id, sql.placeholder('runId')))
    .prepare();
  const step = build
    .select()
    .from(invocations)
    .where(
      and(
        eq(invocations.runId, sql.placeholder('runId')),
        eq(invocations.sequence, sql.placeholder('sequence')),
      ),
    )
    .prepare();
  const equalWork = build
    .select({ outputId: invocations.outputId, ...called })
    .from(invocations)
    .where(
      and(
        eq(invocations.modelId, sql.placeholder('modelId')),
        eq(invocations.inputId, sql.placeholder('inputId')),
        eq(invocations.seed, sql.placeholder('seed')),
        sql`source = 'computed'`,
      ),
    )
    .limit(1)
    .prepare();
  const stepsAfter = build
    .select({
      ...getTableColumns(invocations),
      model: models.name,
      modality: artifactRows.modality,
      text: artifactRows.text,
      sha256: artifactRows.sha256,
    })
    .from(invocations)
    .innerJoin(models, eq(models.id, invocations.modelId))
    .innerJoin(artifactRows, eq(artifactRows.id, invocations.outputId))
    .where(
      and(
        eq(invocations.runId, sql.placeholder('runId')),
        gt(invocations.sequence, sql.placeholder('after')),
      ),
    )
    .orderBy(asc(invocations.sequence))
    .limit(STEPS_READ)
    .prepare();
  const firstRepeat = build
    .select({ sequence: invocations.sequence })
    .from(invocations)
    .where(
      and(
        eq(invocations.runId, sql.placeholder('runId')),
        eq(invocations.outputId, sql.placeholder('outputId')),
        sql`${invocations.sequence} < ${sql.placeholder('sequence')}`,
        sql`${invocations.sequence} % ${sql.placeholder('period')} = ${sql.placeholder('phase')}`,
      ),
    )
    .orderBy(asc(invocations.sequence))
    .limit(1)
    .prepare();
  const insert = build.insert(invocations).values(placeholders(invocations, 'id')).prepare();

  async function progress(run: RunRow): Promise<RunProgress> {
    return read(() => progressOf(run));
  }

  function* progressOf(run: RunRow): Work<RunProgress> {
    const found = yield* get(reached, { runId: run.id });
    if (found === undefined) throw unknownRun(run.experimentId, run.runIndex);
    const { sequence, outputId, stopReason, cycleStart, cycleLength } = found;
    return {
      next:
        sequence === null || outputId === null
          ? { sequence: 0, inputId: run.promptId }
          : { sequence: sequence + 1, inputId: outputId },
      ended: stopReason,
      cycle: cycleStart === null || cycleLength === null ? null : { start: cycleStart, length: cycleLength },
    };
  }

  /**
   * The result of equal earlier work anywhere in the store: same model, revision, settings, input and seed.
   */
  async function findEqualWork(modelId: number, inputId: number, seed: number): Promise<EqualWork | null> {
    const found = await read(() => get(equalWork, { modelId, inputId, seed }));
    if (found === undefined) return null;
    const { outputId, ...call } = found;
    return { outputId, call };
  }

  function* endRun(run: RunRow, reason: 'length' | 'cycle', length: number): Work<void> {
    yield* execute(build.update(runs).set({ stopReason: reason, length }).where(eq(runs.id, run.id)));
  }

  /**
   * Commits one step with all that belongs to it in one transaction: the row of its output, its own row, and
   * the end of the run if this step ends it. Keyed by (run, sequence): if the step exists, another attempt of
   * the same activity made it. Then the function verifies it and keeps it, and the caller continues from it.
   * Throws StoreConflict if the existing step has another model, input or seed.
   */
  async function commit(run: RunRow, work: Step, now: number): Promise<Committed> {
    const committed = await write(() => committedStep(run, work, now));
    faultPoint('invocation:after-commit');
    return committed;
  }

  function* committedStep(run: RunRow, work: Step, now: number): Work<Committed> {
    const { sequence, inputId, modelId, seed, provenance } = work;
    const present = yield* get(step, { runId: run.id, sequence });
    if (present !== undefined) {
      verifySame(present, { modelId, inputId, seed }, run);
      return { superseded: true, ...(yield* progressOf(run)) };
    }
    // Make the output's row only now: a late attempt must not leave its own output behind.
    const outputId = typeof work.output === 'number' ? work.output : yield* artifacts.idOf(work.output);
    const computed =
      provenance.source === 'computed' ? provenance : { hostId: null, batchSize: null, computeMs: null };
    yield* execute(insert, {
      ...NONE_TOLD,
      ...work.call,
      runId: run.id,
      sequence,
      modelId,
      inputId,
      outputId,
      seed,
      source: provenance.source,
      hostId: computed.hostId,
      batchSize: computed.batchSize,
      computeMs: computed.computeMs,
      createdAt: now,
    });
    const next = { sequence: sequence + 1, inputId: outputId };
    const cycle = work.onCycle === 'ignore' ? null : yield* repeat(run, sequence, outputId);
    if (cycle !== null) {
      const found = { cycleStart: cycle.start, cycleLength: cycle.length };
      yield* execute(build.update(runs).set(found).where(eq(runs.id, run.id)));
    }
    const ended = endOf(run, next.sequence, cycle, work.onCycle);
    if (ended !== null) yield* endRun(run, ended, next.sequence);
    faultPoint('invocation:before-commit');
    return { superseded: false, next, ended, cycle };
  }

  function* repeat(run: RunRow, sequence: number, outputId: number): Work<Cycle | null> {
    const period = run.network.length;
    const values = { runId: run.id, outputId, sequence, period, phase: sequence % period };
    const found = yield* get(firstRepeat, values);
    return found === undefined ? null : { start: found.sequence, length: sequence - found.sequence };
  }

  /**
   * Continues a run from its known cycle without a model call, by at most `limit` steps, in one transaction.
   * Keyed by (run, sequence), from the position that the rows themselves give.
   */
  async function fillFromCycle(
    run: RunRow,
    cycle: Cycle,
    seed: number,
    limit: number,
    now: number,
  ): Promise<Committed> {
    const committed = await write(() => filledFromCycle(run, cycle, seed, limit, now));
    faultPoint('invocation:after-commit');
    return committed;
  }

  function* filledFromCycle(
    run: RunRow,
    cycle: Cycle,
    seed: number,
    limit: number,
    now: number,
  ): Work<Committed> {
    let { next } = yield* progressOf(run);
    // Read the previous lap, but only as many steps as are to be made: a cycle may be half a million steps
    // long.
    const lap = next.sequence - cycle.length;
    const rows = yield* all(
      build
        .select({ modelId: invocations.modelId, outputId: invocations.outputId, ...called })
        .from(invocations)
        .where(
          and(
            eq(invocations.runId, run.id),
            sql`${invocations.sequence} between ${lap} and ${lap + Math.min(cycle.length, limit) - 1}`,
          ),
        )
        .orderBy(asc(invocations.sequence)),
    );
    const end = Math.min(run.maxLength, next.sequence + limit);
    while (next.sequence < end) {
      const { modelId, outputId, ...call } = rows[(next.sequence - lap) % cycle.length]!;
      yield* execute(insert, {
        ...call,
        runId: run.id,
        sequence: next.sequence,
        modelId,
        inputId: next.inputId,
        outputId,
        seed,
        source: 'cycle',
        hostId: null,
        batchSize: null,
        computeMs: null,
        createdAt: now,
      });
      next = { sequence: next.sequence + 1, inputId: outputId };
    }
    const ended = next.sequence === run.maxLength ? 'length' : null;
    if (ended !== null) yield* endRun(run, ended, next.sequence);
    faultPoint('invocation:before-commit');
    return { superseded: false, next, ended, cycle };
  }

  /**
   * The trajectory for a reader: model names, texts, digests of pictures. The generator holds a thousand
   * steps at a time, and the event loop gets its turn between portions.
   */
  async function* steps(run: RunRow) {
    for (let after = -1; ;) {
      const rows = await read(() => all(stepsAfter, { runId: run.id, after }));
      yield* rows;
      await setImmediate();
      if (rows.length < STEPS_READ) return;
      after = rows.at(-1)!.sequence;
    }
  }

  /** The whole trajectory at once. */
  async function trajectory(run: RunRow) {
    const all = [];
    for await (const made of steps(run)) all.push(made);
    return all;
  }

  /**
   * The number of steps, the widths that a table of them needs, and how many steps have a value in each
   * column about the model call.
   */
  async function stepFigures(run: RunRow) {
    const query = build
      .select({
        steps: sql<number>`count(*)`,
        seedWidth: sql<number>`coalesce(max(length(cast(${invocations.seed} as text))), 0)`,
        // A step whose output was cut shows this behind its source: `computed, cut`.
        sourceWidth: sql<number>`coalesce(max(length(${invocations.source}) + 5 * coalesce(${invocations.outputCut}, 0)), 0)`,
        ...counted,
        mostCutTokens: sql<number>`coalesce(max(${invocations.cutTokens}), 0)`,
      })
      .from(invocations)
      .where(eq(invocations.runId, run.id));
    const { steps: made, seedWidth, sourceWidth, mostCutTokens, ...told } = (await read(() => get(query)))!;
    return { steps: made, seedWidth, sourceWidth, mostCutTokens, told };
  }

  return { progress, findEqualWork, commit, fillFromCycle, steps, trajectory, stepFigures };
}

function endOf(
  run: RunRow,
  length: number,
  cycle: Cycle | null,
  onCycle: Step['onCycle'],
): 'length' | 'cycle' | null {
  if (cycle !== null && onCycle === 'stop') return 'cycle';
  return length === run.maxLength ? 'length' : null;
}

function verifySame(
  present: InvocationRow,
  expected: Pick<InvocationRow, 'modelId' | 'inputId' | 'seed'>,
  run: RunRow,
): void {
  for (const key of ['modelId', 'inputId', 'seed'] as const) {
    if (present[key] !== expected[key]) {
      throw new PanicError(
        'StoreConflict',
        `step ${present.sequence} of run ${run.runIndex} of experiment ${run.experimentId} is already there with another ${key} ` +
          `(${present[key]}, not ${expected[key]}); the row that is there is kept`,
      );
    }
  }
}
