import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  checkInvariants,
  contentDigest,
  DATABASE_FILE,
  findOrphans,
  mend,
  openStore,
  removeOrphan,
  RepairPlan,
} from '../../db/index.js';
import type { Connection, DoctorOptions, Means, Repair, Store, Violation } from '../../db/index.js';
import { persistenceEntropy } from '../../tda/index.js';
import { answer, catalogue, finishAgain, host, NOW } from './small-experiment.js';

/** The models of the small experiment, asked again. */
const means: Means = {
  catalogue,
  generate: async (model, input, seed) => ({
    output: answer(model, input, seed),
    cutTokens: 0,
    host,
    batchSize: 1,
    computeMs: 2,
  }),
  now: () => NOW,
};

const MOST_ROUNDS = 8;

/** A copy of a sound data folder whose database lets anything be written to it. */
export class Patient {
  readonly folder: string;
  readonly store: Store<Connection>;

  constructor(
    sound: string,
    readonly experiment: string,
  ) {
    this.folder = mkdtempSync(join(tmpdir(), 'panic-tda-patient-'));
    cpSync(sound, this.folder, { recursive: true });
    this.store = openStore(this.folder);
  }

  /** Does something that no trigger, check or foreign key of the database refuses. */
  private unguarded<T>(work: () => T): T {
    const { sqlite } = this.store.db;
    const triggers = sqlite
      .prepare<[], { name: string; sql: string }>(
        `select name, sql from sqlite_master where type = 'trigger'`,
      )
      .all();
    sqlite.pragma('ignore_check_constraints = ON');
    sqlite.pragma('foreign_keys = OFF');
    try {
      return sqlite.transaction(() => {
        for (const { name } of triggers) sqlite.exec(`drop trigger ${name}`);
        const done = work();
        for (const { sql } of triggers) sqlite.exec(sql);
        return done;
      })();
    } finally {
      sqlite.pragma('ignore_check_constraints = OFF');
      sqlite.pragma('foreign_keys = ON');
    }
  }

  get databaseFile(): string {
    return join(this.folder, DATABASE_FILE);
  }

  /** Changes rows behind the store's back; at least one, so that a test cannot miss its mark. */
  change(sql: string, ...values: readonly unknown[]): void {
    const { changes } = this.unguarded(() => this.store.db.sqlite.prepare(sql).run(...values));
    if (changes === 0) throw new Error(`nothing changed: ${sql}`);
  }

  /** Deletes rows and all that hangs on them. */
  remove(sql: string): void {
    const { changes } = this.store.db.sqlite.prepare(sql).run();
    if (changes === 0) throw new Error(`nothing changed: ${sql}`);
  }

  one(sql: string, ...values: readonly unknown[]): unknown {
    return this.store.db.sqlite
      .prepare(sql)
      .pluck()
      .get(...values);
  }

  run(index: number): number {
    return Number(this.one('select id from runs where run_index = ?', index));
  }

  step(index: number, sequence: number): number {
    return Number(
      this.one('select id from invocations where run_id = ? and sequence = ?', this.run(index), sequence),
    );
  }

  output(index: number, sequence: number): number {
    return Number(this.one('select output_id from invocations where id = ?', this.step(index, sequence)));
  }

  model(name: string): number {
    return Number(this.one('select id from models where name = ?', name));
  }

  vector(index: number, sequence: number): number {
    return Number(
      this.one('select vector_id from embeddings where invocation_id = ?', this.step(index, sequence)),
    );
  }

  diagram(index: number, model: string): number {
    return Number(
      this.one(
        'select id from diagrams where run_id = ? and model_id = ?',
        this.run(index),
        this.model(model),
      ),
    );
  }

  /** Path of the object of a picture. */
  object(artifact: number): string {
    return this.store.objects.location(
      this.one('select sha256 from artifacts where id = ?', artifact) as Buffer,
    );
  }

  async violations(options: DoctorOptions = {}): Promise<Violation[]> {
    const all = { deep: true, entropyOf: persistenceEntropy, ...options };
    const found: Violation[] = [];
    for await (const violation of checkInvariants(this.store.db, this.store.objects, all))
      found.push(violation);
    return found;
  }

  /** Mends in rounds, as `doctor --fix` does; returns what could not be mended, and why. */
  async mend(options: { readonly cutBack?: boolean } = {}): Promise<string[]> {
    const cutBack = options.cutBack ?? false;
    for (let round = 0; ; round++) {
      const plan = new RepairPlan();
      for (const { repair } of await this.violations()) if (repair !== null) plan.add(repair);
      for await (const orphan of findOrphans(this.store.db, this.store.objects, NOW)) {
        if (orphan.kind === 'artifact') plan.add({ kind: 'delete artifact', artifact: orphan.id });
        else await removeOrphan(this.store.objects, orphan);
      }
      const failures: string[] = [];
      const onFailure = (repair: Repair, why: string) => failures.push(`${repair.kind}: ${why}`);
      const made = await mend(this.store, plan, means, { cutBack, onFailure });
      plan.close();
      if (made === 0 || round === MOST_ROUNDS) return failures;
    }
  }

  /** Makes what was deleted, as `resume` does; returns the digest of the content. */
  async resume(): Promise<string> {
    await finishAgain(this.store, this.experiment);
    return contentDigest(this.store.db, this.experiment);
  }

  async discard(): Promise<void> {
    await this.store.close();
    rmSync(this.folder, { recursive: true });
  }
}

/** Violations in a form that a list of expectations can be written in: `4 diagrams 7`. */
export function named(violations: readonly Violation[]): string[] {
  return violations.map(({ invariant, table, id }) => `${invariant} ${table} ${id}`);
}
