import { statisticsCode } from '../../activities/statistics-code.js';
import { contentDigest } from '../../db/index.js';
import { checkInvariants, findOrphans, mend, removeOrphan, RepairPlan } from '../../db/doctor/index.js';
import type { Store } from '../../db/index.js';
import type { DoctorOptions, Means, Repair, Violation } from '../../db/doctor/index.js';
import { BAR_MEASURES } from '../../tda/index.js';
import type { DroppedCheck, Place } from './place.js';
import { answer, catalogue, finishAgain, fingerprint, NOW } from '../support/small-experiment.js';
import { storedBytes } from '../support/stored-bytes.js';

/** The models of the small experiment, for repeated calls. */
const means: Omit<Means, 'statistics'> = {
  measures: BAR_MEASURES,
  catalogue,
  generate: async (model, input, seed) => ({
    output: answer(model, input, seed),
    cutTokens: 0,
    outputCut: false,
    fingerprint,
    batchSize: 1,
    computeMs: 2,
  }),
  now: () => NOW,
};

/** These models, and the code of the numbers of trajectories. */
export function meansOf(store: Store): Means {
  return { ...means, statistics: statisticsCode(store, () => NOW) };
}

const MOST_ROUNDS = 8;

/** A copy of a sound store whose database accepts every write. */
export class Patient {
  readonly store: Store;
  readonly folder: string;
  private readonly dropped: DroppedCheck[] = [];

  constructor(
    readonly place: Place,
    readonly experiment: string,
  ) {
    this.store = place.store;
    this.folder = place.folder;
  }

  /**
   * Changes rows without the store's own code. It changes at least one, so that a test cannot miss its
   * target.
   */
  async change(statement: string, ...values: readonly unknown[]): Promise<void> {
    const { changes, dropped } = await this.place.unguarded(statement, ...values);
    this.dropped.push(...dropped);
    if (changes === 0) throw new Error(`nothing changed: ${statement}`);
  }

  /** Deletes rows and all rows that depend on them. */
  async remove(statement: string): Promise<void> {
    if ((await this.place.run(statement)) === 0) throw new Error(`nothing changed: ${statement}`);
  }

  sql(statements: string): Promise<void> {
    return this.place.sql(statements);
  }

  one(query: string, ...values: readonly unknown[]): Promise<unknown> {
    return this.place.one(query, ...values);
  }

  /**
   * The findings for a corruption (`6 TABLE ID` if a row breaks a check). On Postgres no row breaks an
   * existing check: the check was dropped first, and the doctor finds that.
   */
  found(names: readonly string[]): readonly string[] {
    const tables = new Set(this.dropped.map(({ table }) => table));
    const others = names.filter((name) => !tables.has(/^6!? (\w+) /.exec(name)?.[1] ?? ''));
    return [...others, ...this.dropped.map(({ table, check }) => `6 ${table} ${check}`)];
  }

  async run(index: number): Promise<number> {
    return Number(await this.one('select id from runs where run_index = ?', index));
  }

  async step(index: number, sequence: number): Promise<number> {
    const run = await this.run(index);
    return Number(
      await this.one('select id from invocations where run_id = ? and sequence = ?', run, sequence),
    );
  }

  /** All steps of a run in their order. */
  async steps(index: number): Promise<number[]> {
    const run = await this.run(index);
    return (
      await this.place.column(`select id from invocations where run_id = ${run} order by sequence`)
    ).map(Number);
  }

  async output(index: number, sequence: number): Promise<number> {
    return Number(
      await this.one('select output_id from invocations where id = ?', await this.step(index, sequence)),
    );
  }

  async model(name: string): Promise<number> {
    return Number(await this.one('select id from models where name = ?', name));
  }

  async vector(index: number, sequence: number): Promise<number> {
    const step = await this.step(index, sequence);
    return Number(await this.one('select vector_id from embeddings where invocation_id = ?', step));
  }

  async diagram(index: number, model: string): Promise<number> {
    const query = 'select id from diagrams where run_id = ? and model_id = ?';
    return Number(await this.one(query, await this.run(index), await this.model(model)));
  }

  /** Path of the object of a picture. */
  async object(artifact: number): Promise<string> {
    const sha256 = await this.one('select sha256 from artifacts where id = ?', artifact);
    return this.store.objects.location(storedBytes(sha256));
  }

  async violations(options: DoctorOptions = {}): Promise<Violation[]> {
    const statistics = statisticsCode(this.store, () => NOW);
    const all = { deep: true, measures: BAR_MEASURES, statistics, ...options };
    const found: Violation[] = [];
    for await (const violation of checkInvariants(this.store.db, this.store.objects, all))
      found.push(violation);
    return found;
  }

  /** Mends in rounds, as `doctor --fix` does. Returns the repairs that were impossible, with the reasons. */
  async mend(options: { readonly cutBack?: boolean } = {}): Promise<string[]> {
    return (await this.mendFound(await this.violations(), options)).failures;
  }

  /**
   * The same for a store in which a check of all rows has just found these violations. `left` is what such a check finds after the
   * repairs.
   */
  async mendFound(
    found: readonly Violation[],
    { cutBack = false }: { readonly cutBack?: boolean } = {},
  ): Promise<{ readonly failures: string[]; readonly left: readonly Violation[] }> {
    for (let round = 0; ; round++) {
      const plan = new RepairPlan();
      for (const { repair } of found) if (repair !== null) plan.add(repair);
      let changed = false;
      for await (const orphan of findOrphans(this.store.db, this.store.objects, NOW)) {
        if (orphan.kind === 'artifact') plan.add({ kind: 'delete artifact', artifact: orphan.id });
        else {
          await removeOrphan(this.store.objects, orphan);
          changed = true;
        }
      }
      const failures: string[] = [];
      const onFailure = (repair: Repair, why: string) => failures.push(`${repair.kind}: ${why}`);
      const made = await mend(this.store, plan, meansOf(this.store), { cutBack, onFailure });
      plan.close();
      // A failed repair may have changed rows, too.
      if (made > 0 || changed || failures.length > 0) found = await this.violations();
      if (made === 0 || round === MOST_ROUNDS) return { failures, left: found };
    }
  }

  /** Makes the deleted rows again, as `resume` does. Says whether a run was unfinished. `digest` is of the content then. */
  async resume(): Promise<{ readonly resumed: boolean; readonly digest: string }> {
    const resumed = await finishAgain(this.store, this.experiment);
    return { resumed, digest: await contentDigest(this.store.db, this.experiment) };
  }

  discard(): Promise<void> {
    return this.place.remove();
  }
}

/** Violations in a form for a list of expectations: `4 diagrams 7`. */
export function named(violations: readonly Violation[]): string[] {
  return violations.map(({ invariant, table, id }) => `${invariant} ${table} ${id}`);
}
