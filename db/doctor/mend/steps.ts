import { and, asc, eq, gte, lte, sql } from 'drizzle-orm';
import { getTableConfig } from 'drizzle-orm/sqlite-core';
import { modelAt, runCoordinates } from '../../../experiment/config.js';
import { isPanicError } from '../../../common/errors.js';
import { seedOfStep } from '../../../experiment/ids.js';
import { modelOfKind } from '../../../experiment/model.js';
import type { Catalogue, GenerativeModel } from '../../../experiment/model.js';
import { explainUnknown } from '../../../experiment/unknown-models.js';
import type { ArtifactTable, EncodedArtifact } from '../../tables/artifacts.js';
import { textContent } from '../../tables/artifacts.js';
import { columnNames } from '../../columns.js';
import type { Database } from '../../connection/database.js';
import { callColumns } from '../../tables/invocations.js';
import type { ProvenanceTables } from '../../tables/provenance.js';
import { artifacts as artifactRows, hosts, invocations, models, runs } from '../../schema.js';
import { all, run } from '../../connection/work.js';
import type { Work } from '../../connection/work.js';
import type { Repair } from '../repair.js';
import type { Generate } from './content.js';
import type { DerivedRows } from './derived.js';
import { impossible } from './outcome.js';
import type { Outcome } from './outcome.js';
import type { RunRepairs } from './runs.js';

type StoredStep = typeof invocations.$inferSelect;
type NewStep = typeof invocations.$inferInsert;

interface Neighbour {
  readonly step: StoredStep;
  readonly model: typeof models.$inferSelect | null;
  readonly modality: string | null;
  readonly hostIsThere: boolean;
  /** Whether the columns about its origin and its model call satisfy the table's own checks. */
  readonly isSound: boolean;
}

/** The correct form of a step. */
interface Mended {
  readonly row: NewStep;
  readonly there: StoredStep | null;
}

/** The correct form of a step of a run, without its output. */
interface Wanted {
  readonly sequence: number;
  readonly model: GenerativeModel;
  readonly modelId: number;
  readonly inputId: number;
  readonly seed: number;
}

/**
 * Repairs broken or missing steps by calling their models again. The repair writes an output only if a stored
 * row confirms it: the step's own output, the input of the following step, or the cycle that the step was
 * filled from.
 */
export function stepRepairs(
  { build, read, write }: Database,
  tables: { readonly artifacts: ArtifactTable; readonly provenance: ProvenanceTables },
  repairs: { readonly runs: RunRepairs; readonly derived: DerivedRows },
  catalogue: Catalogue,
  generate: Generate,
  now: () => number,
) {
  const { artifacts, provenance } = tables;

  async function recomputeSteps({
    run: id,
    from,
    to,
  }: Extract<Repair, { kind: 'recompute steps' }>): Promise<Outcome> {
    const cut: Repair = { kind: 'cut run', run: id, from };
    const found = await read(() => repairs.runs.storedRun(id));
    if (found === null) return impossible('its run is not one of a known plan');
    const { row: ofRun, config } = found;
    const plan = runCoordinates(config, ofRun.runIndex);
    if (plan.seed === -1 && ofRun.drawnSeed === null) return impossible('the seed of its run is lost', cut);
    const seeds = { seed: plan.seed, drawnSeed: ofRun.drawnSeed };

    const around = await neighbours(id, from - 1, to + 1);
    if (around === null) return impossible('there are two steps in one place', cut);
    if (from > 0 && !around.has(from - 1)) return impossible('the step before it is missing', cut);
    const prompt = textContent(plan.prompt);
    let inputId = from === 0 ? await artifacts.find(prompt) : around.get(from - 1)!.step.outputId;
    if (inputId === null)
      return impossible('the prompt of its run is not stored', { kind: 'restore run', run: id });
    const mended: Mended[] = [];
    let proven = true;
    for (let sequence = from; sequence <= to; sequence++) {
      const name = modelAt(plan.network, sequence);
      const model = modelOfKind(catalogue, name, 'generative');
      if (model === null) return impossible(explainUnknown([name], catalogue), cut);
      const seed = seedOfStep(seeds, sequence);
      const modelId = await provenance.modelId(model);
      const wanted: Wanted = { sequence, model, modelId, inputId, seed };
      const there = around.get(sequence) ?? null;
      const next = around.get(sequence + 1)?.step ?? null;
      if (there !== null && isWhole(there, wanted, next)) {
        inputId = there.step.outputId;
        continue;
      }
      const made = await make(wanted);
      if (typeof made === 'string') return impossible(made, cut);
      const outputId = await artifacts.find(made.encoded.content);
      const filled = there?.step.source === 'cycle' ? await cycleOutput(ofRun, sequence) : null;
      const witnesses = [there?.step.outputId, next?.inputId, filled].filter(
        (witness) => witness !== undefined,
      );
      proven = outputId !== null && witnesses.includes(outputId);
      if (there !== null && !proven) return impossible(`${model.name} gives something else today`, cut);
      const output = outputId ?? (await stored(made.encoded));
      const row = newRow(id, wanted, output, there, made.made);
      if (there === null || !isSameRow(row, there.step)) mended.push({ row, there: there?.step ?? null });
      inputId = output;
    }
    if (!proven) return impossible('no step after it says what it gave', cut);
    if (mended.length > 0) await write(() => written(id, mended));
    return { done: true, next: [{ kind: 'restore run', run: id }] };
  }

  /** Steps by sequence; null if two steps share one. */
  async function neighbours(id: number, from: number, to: number): Promise<Map<number, Neighbour> | null> {
    const rows = await read(() =>
      all(
        build
          .select({
            step: invocations,
            model: models,
            modality: artifactRows.modality,
            host: hosts.id,
            sound: sql<number>`case when ${SOUND} then 1 else 0 end`,
          })
          .from(invocations)
          .leftJoin(models, eq(models.id, invocations.modelId))
          .leftJoin(artifactRows, eq(artifactRows.id, invocations.outputId))
          .leftJoin(hosts, eq(hosts.id, invocations.hostId))
          .where(
            and(eq(invocations.runId, id), gte(invocations.sequence, from), lte(invocations.sequence, to)),
          )
          .orderBy(asc(invocations.sequence)),
      ),
    );
    const bySequence = new Map<number, Neighbour>();
    for (const { step, model, modality, host, sound } of rows) {
      if (bySequence.has(step.sequence)) return null;
      const hostIsThere = step.hostId === null || host !== null;
      bySequence.set(step.sequence, { step, model, modality, hostIsThere, isSound: sound === 1 });
    }
    return bySequence;
  }

  async function make(wanted: Wanted) {
    try {
      const input = await artifacts.load(wanted.inputId);
      const { model } = wanted;
      const answer = await generate(model, input, wanted.seed);
      const encoded = await artifacts.encode(answer.output);
      const hostId = await provenance.hostId(answer.fingerprint);
      const { batchSize, computeMs } = answer;
      return { encoded, made: { ...callColumns({ model, answer }), hostId, batchSize, computeMs } };
    } catch (error) {
      if (!isPanicError(error)) throw error;
      return error.message;
    }
  }

  async function stored(encoded: EncodedArtifact): Promise<number> {
    const content = await artifacts.stage(encoded);
    return await write(() => artifacts.idOf(content));
  }

  /** The output that a cycle gives at a place after its first repeat. */
  async function cycleOutput(
    { id, cycleLength }: typeof runs.$inferSelect,
    sequence: number,
  ): Promise<number | null> {
    if (cycleLength === null) return null;
    const [found] = await read(() =>
      all(
        build
          .select({ outputId: invocations.outputId })
          .from(invocations)
          .where(and(eq(invocations.runId, id), eq(invocations.sequence, sequence - cycleLength))),
      ),
    );
    return found?.outputId ?? null;
  }

  function newRow(
    runId: number,
    { sequence, model, modelId, inputId, seed }: Wanted,
    outputId: number,
    there: Neighbour | null,
    made: Exclude<Awaited<ReturnType<typeof make>>, string>['made'],
  ): NewStep {
    const fresh = { ...made, source: 'computed' as const };
    const step = { runId, sequence, modelId, inputId, outputId, seed };
    if (there === null) return { ...step, ...fresh, createdAt: now() };
    // A complete record of the call that computed the output is still true, and so is the revision of its
    // model.
    if (isOfModel(there, model)) step.modelId = there.step.modelId;
    const stands = there.hostIsThere && there.isSound;
    return { ...there.step, ...(stands ? {} : fresh), ...step };
  }

  /**
   * A trigger forbids changes to rows of invocations, so this deletes them and writes new ones. The
   * database's own rules check these.
   */
  function* written(id: number, mended: readonly Mended[]): Work<void> {
    // A run that has ended accepts no step, so open the run; a later repair sets its end again.
    yield* run(
      build
        .update(runs)
        .set({ status: 'pending', stopReason: null, length: null, finishedAt: null })
        .where(and(eq(runs.id, id), eq(runs.status, 'finished'))),
    );
    yield* run(build.update(runs).set({ stopReason: null, length: null }).where(eq(runs.id, id)));
    for (const { there } of mended) {
      if (there !== null) yield* run(build.delete(invocations).where(eq(invocations.id, there.id)));
    }
    for (const { row } of mended) yield* run(build.insert(invocations).values(row));
  }

  return { recomputeSteps };
}

function isWhole(there: Neighbour, wanted: Wanted, next: StoredStep | null): boolean {
  const { step, modality, hostIsThere, isSound } = there;
  return (
    hostIsThere &&
    isSound &&
    isOfModel(there, wanted.model) &&
    step.inputId === wanted.inputId &&
    step.seed === wanted.seed &&
    modality === wanted.model.output &&
    (next === null || next.inputId === step.outputId)
  );
}

function isOfModel({ model }: Neighbour, wanted: GenerativeModel): boolean {
  return model?.kind === 'generative' && model.name === wanted.name;
}

function isSameRow(row: NewStep, there: StoredStep): boolean {
  return columnNames(invocations).every((column) => (row[column] ?? null) === there[column]);
}

/** The repair compares the values that the place in the run decides with the run instead. */
const OF_PLACE: ReadonlySet<string> = new Set(['invocations_sequence', 'invocations_seed']);

const SOUND = and(
  ...getTableConfig(invocations)
    .checks.filter(({ name }) => !OF_PLACE.has(name))
    .map(({ value }) => value),
)!;
