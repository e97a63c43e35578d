import { and, asc, eq, gt, isNull, max, sql } from 'drizzle-orm';
import { drawingRunCount, drawingRunsBefore, runCoordinates, runCount } from '../../experiment/config.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { PanicError } from '../../common/errors.js';
import { faultPoint } from '../../common/fault.js';
import { canonicalJson, drawRunSeed } from '../../experiment/ids.js';
import type { MadeWith } from '../../experiment/made-with.js';
import { refuseUnfitText, textContent } from './artifacts.js';
import type { ArtifactTable } from './artifacts.js';
import type { Database } from '../connection/database.js';
import { experiments, runs } from '../schema.js';
import { all, get as first, run } from '../connection/work.js';
import type { Work } from '../connection/work.js';

/** Rows of runs that one transaction makes. */
export const PLAN_BATCH = 1000;
/** Rows of one statement: the process waits for the server after each. */
const STATEMENT_ROWS = 100;
/** Rows that the check of seeds compares at a time. */
const SEEDS_BATCH = 5000;

type StoredExperiment = typeof experiments.$inferSelect;
type Seeds = readonly (number | null)[];

/** The runs up to `runIndex` are compared; the next run of seed -1 has place `place` among `drawn_seeds`. */
interface Compared {
  readonly runIndex: number;
  readonly place: number;
}

const NONE_COMPARED: Compared = { runIndex: -1, place: 0 };

/**
 * Makes the rows of experiments and of their runs.
 *
 * A transaction makes at most 1,000 runs, the first of them together with the experiment's row, and each
 * continues after the last stored run. So an interrupted plan has always the first runs, and any number of
 * calls, also side by side, complete it. Until the last run is stored, no execution can claim the experiment
 * (`experiments.claim`). Until then the experiment's row also keeps the drawn seeds that a file gave, for the
 * later transactions.
 */
export function experimentPlanning({ build, read, write }: Database, artifacts: ArtifactTable) {
  const byId = build
    .select()
    .from(experiments)
    .where(eq(experiments.id, sql.placeholder('id')))
    .prepare();
  const lastRun = build
    .select({ index: max(runs.runIndex) })
    .from(runs)
    .where(eq(runs.experimentId, sql.placeholder('id')))
    .prepare();

  /**
   * Makes the experiment and every run of it, or the missing ones of an interrupted plan. It is keyed by the
   * experiment's id, so that any number of calls leaves the same rows. It draws the seeds of runs with seed
   * -1 once, if the config does not give them; it refuses an experiment that is stored with other seeds.
   * `catalogue` is the source of its models this time (`madeWith`); if it is null, the caller does not know,
   * and the stored value stays. An experiment whose deletion is under way gets no more runs. Throws
   * StoreConflict if the stored row states another number of runs, and the signal's reason between two
   * transactions.
   */
  async function plan(
    id: string,
    config: ExperimentConfig,
    now: number,
    catalogue: readonly MadeWith[] | null = null,
    signal?: AbortSignal,
  ): Promise<void> {
    if (config.name !== null) refuseUnfitText(config.name);
    for (const prompt of config.prompts) refuseUnfitText(prompt);
    const compared = await comparedSeeds(id, config);
    const addRuns = runAdder(id, config);
    let done = await write(() => begun(id, config, now, catalogue, compared, addRuns));
    faultPoint('plan:after-commit');
    while (!done) {
      signal?.throwIfAborted();
      done = await write(() => continued(id, addRuns));
      faultPoint('plan:after-commit');
    }
  }

  type AddRuns = (row: StoredExperiment) => Work<boolean>;

  function* begun(
    id: string,
    config: ExperimentConfig,
    createdAt: number,
    madeWith: readonly MadeWith[] | null,
    compared: Compared,
    addRuns: AddRuns,
  ): Work<boolean> {
    const catalogue = madeWith === null ? null : canonicalJson(madeWith);
    if ((yield* first(byId, { id })) === undefined) {
      const row = { id, name: config.name, config: canonicalJson(config), catalogue };
      yield* run(build.insert(experiments).values({ ...row, runCount: runCount(config), createdAt }));
      return yield* addRuns((yield* first(byId, { id }))!);
    }
    if (!(yield* locked(id))) return true;
    const there = (yield* first(byId, { id }))!;
    if (catalogue !== null && catalogue !== there.catalogue) {
      yield* run(build.update(experiments).set({ catalogue }).where(eq(experiments.id, id)));
    }
    const { drawn_seeds: given } = config;
    if (given === undefined) return yield* addRuns(there);
    // Compare also the runs that another call planned meanwhile.
    for (let next: Compared | null = compared; next !== null;) next = yield* nextCompared(id, given, next);
    if (!(yield* isIncomplete(there))) return true;
    const kept = storedSeeds(there.config);
    refuseOtherGivenSeeds(id, given, kept);
    const seeds = Array.from(given, (seed, place) => seed ?? kept?.[place] ?? null);
    const whole = withSeeds(there.config, seeds);
    yield* run(build.update(experiments).set({ config: whole }).where(eq(experiments.id, id)));
    return yield* addRuns({ ...there, config: whole });
  }

  function* continued(id: string, addRuns: AddRuns): Work<boolean> {
    if (!(yield* locked(id))) return true;
    return yield* addRuns((yield* first(byId, { id }))!);
  }

  /**
   * Keeps other processes from planning, claiming or deleting the experiment until the transaction ends.
   * False if it does not exist, or if its deletion is under way. (SQLite has one writer at a time anyway.)
   */
  function* locked(id: string): Work<boolean> {
    const same = { runCount: sql`${experiments.runCount}` };
    const open = and(eq(experiments.id, id), isNull(experiments.deletingAt));
    return (yield* run(build.update(experiments).set(same).where(open))) === 1;
  }

  function* nextIndex(id: string): Work<number> {
    return ((yield* first(lastRun, { id }))?.index ?? -1) + 1;
  }

  /** Whether its plan has more runs than the store. An experiment that was driven once has all of them. */
  function* isIncomplete({ id, startedAt, runCount: total }: StoredExperiment): Work<boolean> {
    return startedAt === null && (yield* nextIndex(id)) < total;
  }

  /** Work that adds the next runs to a locked experiment. It returns whether all are stored now. */
  function runAdder(id: string, config: ExperimentConfig): AddRuns {
    const total = runCount(config);
    const inserting = (count: number) =>
      build
        .insert(runs)
        .values(
          Array.from({ length: count }, (_, k) => ({
            experimentId: id,
            runIndex: sql.placeholder(`runIndex${k}`),
            network: sql.placeholder(`network${k}`),
            seed: sql.placeholder(`seed${k}`),
            drawnSeed: sql.placeholder(`drawnSeed${k}`),
            promptId: sql.placeholder(`promptId${k}`),
            maxLength: config.max_length,
          })),
        )
        .prepare();
    const [many, one] = [inserting(STATEMENT_ROWS), inserting(1)];
    // Each transaction reads the same text, of up to 2 MB.
    let read: { readonly text: string; readonly seeds: Seeds | null } | null = null;

    return function* add(row: StoredExperiment): Work<boolean> {
      const from = yield* nextIndex(id);
      if (row.startedAt !== null || (from >= total && row.runCount === total)) return true;
      if (row.runCount !== total) throw otherRunCount(row, total);
      if (read?.text !== row.config) read = { text: row.config, seeds: storedSeeds(row.config) };
      const to = Math.min(total, from + PLAN_BATCH);
      let place = drawingRunsBefore(config, from);
      const promptIds = new Map<string, number>();
      const rows: PlannedRun[] = [];
      for (let runIndex = from; runIndex < to; runIndex++) {
        const { network, seed, prompt } = runCoordinates(config, runIndex);
        const promptId = promptIds.get(prompt) ?? (yield* artifacts.idOf(textContent(prompt)));
        promptIds.set(prompt, promptId);
        const drawnSeed = seed === -1 ? (read.seeds?.[place++] ?? drawRunSeed()) : null;
        rows.push({ runIndex, network: JSON.stringify(network), seed, drawnSeed, promptId });
      }
      let made = 0;
      for (; made + STATEMENT_ROWS <= rows.length; made += STATEMENT_ROWS) {
        yield* run(many, valuesOf(rows.slice(made, made + STATEMENT_ROWS)));
      }
      for (; made < rows.length; made++) yield* run(one, valuesOf(rows.slice(made, made + 1)));
      if (to === total && read.seeds !== null) {
        const bare = withSeeds(row.config, null);
        yield* run(build.update(experiments).set({ config: bare }).where(eq(experiments.id, id)));
      }
      faultPoint('plan:before-commit');
      return to === total;
    };
  }

  /**
   * The drawn seed of each run of seed -1, in the order of the runs; null for a run that is not planned yet
   * and will draw its own. Empty if there is no such run.
   */
  async function drawnSeeds(id: string): Promise<(number | null)[]> {
    const row = await read(() => first(byId, { id }));
    if (row === undefined) return [];
    const config = stored(row.config);
    const seeds = (await read(() => drawn(id, -1, null))).map(({ drawnSeed }) => drawnSeed);
    const kept = storedSeeds(row.config);
    for (let place = seeds.length; place < drawingRunCount(config); place++)
      seeds.push(kept?.[place] ?? null);
    return seeds;
  }

  /** Runs of seed -1 after a run, at most `limit`. */
  function drawn(id: string, behind: number, limit: number | null) {
    const query = build
      .select({ runIndex: runs.runIndex, drawnSeed: runs.drawnSeed })
      .from(runs)
      .where(and(eq(runs.experimentId, id), eq(runs.seed, -1), gt(runs.runIndex, behind)))
      .orderBy(asc(runs.runIndex));
    return all(limit === null ? query : query.limit(limit));
  }

  /** Throws InvalidInput if an experiment is stored with other drawn seeds than its file gives. */
  async function refuseOtherSeeds(id: string, config: ExperimentConfig): Promise<void> {
    if (config.drawn_seeds === undefined) return;
    await comparedSeeds(id, config);
    const row = await read(() => first(byId, { id }));
    if (row !== undefined) refuseOtherGivenSeeds(id, config.drawn_seeds, storedSeeds(row.config));
  }

  /** Compares the seeds of the stored runs, some at a time. Throws InvalidInput if one differs. */
  async function comparedSeeds(id: string, { drawn_seeds: given }: ExperimentConfig): Promise<Compared> {
    let compared = NONE_COMPARED;
    if (given === undefined) return compared;
    for (;;) {
      const next = await read(() => nextCompared(id, given, compared));
      if (next === null) return compared;
      compared = next;
    }
  }

  /** Null if there are no more runs. */
  function* nextCompared(
    id: string,
    given: Seeds,
    { runIndex: behind, place }: Compared,
  ): Work<Compared | null> {
    const rows = yield* drawn(id, behind, SEEDS_BATCH);
    for (const [k, { runIndex, drawnSeed }] of rows.entries()) {
      const seed = given[place + k] ?? drawnSeed;
      if (seed !== drawnSeed) throw otherSeeds(id, `run ${runIndex} has ${drawnSeed}`, place + k, seed);
    }
    const last = rows.at(-1);
    return last === undefined ? null : { runIndex: last.runIndex, place: place + rows.length };
  }

  return { plan, drawnSeeds, refuseOtherSeeds };
}

type PlannedRun = Pick<typeof runs.$inferSelect, 'runIndex' | 'network' | 'seed' | 'drawnSeed' | 'promptId'>;

/** Values of a statement that inserts these rows. */
function valuesOf(rows: readonly PlannedRun[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [k, { runIndex, network, seed, drawnSeed, promptId }] of rows.entries()) {
    values[`runIndex${k}`] = runIndex;
    values[`network${k}`] = network;
    values[`seed${k}`] = seed;
    values[`drawnSeed${k}`] = drawnSeed;
    values[`promptId${k}`] = promptId;
  }
  return values;
}

/**
 * The drawn seeds that an experiment's row keeps for runs that are not planned yet; null if it keeps none.
 */
function storedSeeds(config: string): Seeds | null {
  // It would take as long as the rows to parse 2 MB for each look.
  if (!config.includes('"drawn_seeds"')) return null;
  return stored(config).drawn_seeds ?? null;
}

/** The config of a row as it is, without defaults for later fields. */
function stored(config: string): ExperimentConfig {
  return JSON.parse(config);
}

/** The config of a row with these drawn seeds in it, or without any. */
function withSeeds(config: string, seeds: Seeds | null): string {
  const { drawn_seeds: _, ...bare } = stored(config);
  return canonicalJson(seeds === null ? bare : { ...bare, drawn_seeds: seeds });
}

/**
 * The config of a row that will have runs of these drawn seeds; it keeps them until they are planned. A
 * config whose plan is not whole stays as it is.
 */
export function withDrawnSeeds(config: string, seeds: readonly number[]): string {
  if (seeds.length === 0 || storedSeeds(config) !== null) return config;
  return seeds.length === drawingRunCount(stored(config)) ? withSeeds(config, seeds) : config;
}

/** The config of a row after every run of it is stored. */
export function withoutGivenSeeds(config: string): string {
  return storedSeeds(config) === null ? config : withSeeds(config, null);
}

/** Two files may not give one run different seeds, also before the run is planned. */
function refuseOtherGivenSeeds(id: string, given: Seeds, kept: Seeds | null): void {
  if (kept === null) return;
  const place = given.findIndex((seed, k) => seed !== null && (kept[k] ?? seed) !== seed);
  if (place < 0) return;
  throw otherSeeds(id, `the file that began it gives ${kept[place]} at this place`, place, given[place]!);
}

function otherSeeds(id: string, stored: string, place: number, given: number | null): PanicError {
  return new PanicError(
    'InvalidInput',
    `experiment ${id} is stored with other drawn seeds: ${stored}, and drawn_seeds[${place}] of the file is ${given}. ` +
      `Leave drawn_seeds out to go on with what is stored, use another data folder, or give the file a "name", which makes another experiment of it`,
  );
}

function otherRunCount({ id, runCount: stored }: StoredExperiment, planned: number): PanicError {
  return new PanicError(
    'StoreConflict',
    `the row of experiment ${id} says ${stored} runs; its plan has ${planned}. Run "panic-tda doctor".`,
  );
}
