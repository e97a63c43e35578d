import { and, asc, eq, gt, inArray, sql } from 'drizzle-orm';
import { canonicalJson } from '../../../experiment/ids.js';
import { isPanicError } from '../../../common/errors.js';
import { textFault } from '../../../common/text.js';
import type { Artifact } from '../../../experiment/artifact.js';
import { isStoredAsObject } from '../../../experiment/modality.js';
import type { ExperimentConfig } from '../../../experiment/config.js';
import type { Catalogue, GenerativeModel } from '../../../experiment/model.js';
import type { Fingerprint } from '../../../experiment/provenance.js';
import { explainUnknown } from '../../../experiment/unknown-models.js';
import { pictureContent, textContent } from '../../tables/artifacts.js';
import type { ArtifactTable, EncodedArtifact, StoredContent } from '../../tables/artifacts.js';
import type { Database } from '../../connection/database.js';
import type { ObjectStore } from '../../objects/object-store.js';
import { openReader } from '../../read/experiment-reader.js';
import { decodeObject } from '../../tables/picture-codec.js';
import { artifacts as artifactRows, invocations, models, runs } from '../../schema.js';
import { all, get, run } from '../../connection/work.js';
import type { Work } from '../../connection/work.js';
import type { Repair } from '../repair.js';
import type { DerivedRows } from './derived.js';
import { DONE, impossible } from './outcome.js';
import type { Outcome } from './outcome.js';

/** Asks a model of this machine again. Rejects if this machine cannot use the model. */
export type Generate = (
  model: GenerativeModel,
  input: Artifact,
  seed: number,
) => Promise<{
  readonly output: Artifact;
  readonly cutTokens: number;
  readonly outputCut: boolean;
  readonly fingerprint: Fingerprint;
  readonly batchSize: number;
  readonly computeMs: number;
}>;

type ArtifactRow = typeof artifactRows.$inferSelect;

const CONFIG = ['config'] as const;

/** The number of recorded calls of one artifact that a repair tries. */
const CALLS_TRIED = 3;
/** Runs that the repair reads at once. */
const CUTS_BATCH = 5000;

/** Restores stored texts and pictures: only content with the recorded SHA-256 replaces what is stored. */
export function contentRepairs(
  db: Database,
  tables: { readonly artifacts: ArtifactTable; readonly objects: ObjectStore },
  derived: DerivedRows,
  catalogue: Catalogue,
  generate: Generate,
  rewriting: (change: () => Work<void>) => Work<void>,
) {
  const { build, read, write } = db;
  const { artifacts, objects } = tables;

  async function recomputeArtifact(id: number): Promise<Outcome> {
    const row = await read(() => get(build.select().from(artifactRows).where(eq(artifactRows.id, id))));
    // Another repair may have removed it.
    if (row === undefined) return DONE;
    const stored = await storedContent(row);
    if (stored !== null) return await rewrite(row, stored);
    const prompt = await promptContent(row);
    if (prompt !== null && textFault(prompt.text ?? '') !== null) {
      return impossible(
        'it is a prompt that this version does not take; only "panic-tda delete" of its experiments helps',
      );
    }
    if (prompt !== null) return await rewrite(row, prompt);
    const tried: string[] = [];
    for (const call of await callsThatMade(id)) {
      const made = await madeAgain(call);
      if (typeof made === 'string') tried.push(made);
      else if (!isOf(row, made.content)) tried.push(`${call.model.name} gives something else today`);
      else {
        if (made.bytes !== null) await replaceObject(made);
        return await rewrite(row, made.content);
      }
    }
    const why =
      tried.length === 0 ? 'no model call that made it is recorded' : [...new Set(tried)].join('; ');
    return { done: false, why, next: cutsFor(id) };
  }

  /** The correct row, if the content itself exists and hashes to its name. */
  async function storedContent(row: ArtifactRow): Promise<StoredContent | null> {
    switch (row.modality) {
      case 'text': {
        if (row.text === null || textFault(row.text) !== null) return null;
        const content = textContent(row.text);
        return content.sha256.equals(row.sha256) ? content : null;
      }
      case 'image':
        return await storedPicture(row.sha256);
      default:
        // A newer version, or damage, may leave another value.
        row.modality satisfies never;
        return null;
    }
  }

  async function storedPicture(sha256: Buffer): Promise<StoredContent | null> {
    try {
      const bytes = await objects.get(sha256);
      return pictureContent(sha256, bytes.byteLength, await decodeObject(bytes));
    } catch (error) {
      if (isPanicError(error, 'StoreConflict')) return null;
      // If bytes hash to their name and are no picture, the store never had a picture there.
      if (!isPanicError(error)) return null;
      throw error;
    }
  }

  /** The prompt from the config of its experiment. */
  async function promptContent(row: ArtifactRow): Promise<StoredContent | null> {
    if (row.modality !== 'text') return null;
    const reader = await openReader(db);
    try {
      for await (const { config } of reader.experimentsOfPrompt(row.id, CONFIG)) {
        const { prompts }: Pick<ExperimentConfig, 'prompts'> = JSON.parse(config);
        for (const prompt of prompts) {
          const content = textContent(prompt);
          if (isOf(row, content)) return content;
        }
      }
    } finally {
      await reader.close();
    }
    return null;
  }

  async function callsThatMade(id: number) {
    return await read(() =>
      all(
        build
          .select({ inputId: invocations.inputId, seed: invocations.seed, model: models })
          .from(invocations)
          .innerJoin(models, eq(models.id, invocations.modelId))
          .where(and(eq(invocations.outputId, id), eq(invocations.source, 'computed')))
          .orderBy(asc(invocations.id))
          .limit(CALLS_TRIED),
      ),
    );
  }

  /** The content that a recorded call gives today, or the reason why no model can make it. */
  async function madeAgain(call: {
    readonly inputId: number;
    readonly seed: number;
    readonly model: typeof models.$inferSelect;
  }): Promise<EncodedArtifact | string> {
    const model = catalogue.get(call.model.name);
    if (model === undefined) return explainUnknown([call.model.name], catalogue);
    if (model.kind !== 'generative' || !isSame(model, call.model)) {
      return `${call.model.name} of revision ${call.model.revision} is not a model of this machine`;
    }
    try {
      const { output } = await generate(model, await artifacts.load(call.inputId), call.seed);
      return await artifacts.encode(output);
    } catch (error) {
      if (!isPanicError(error)) throw error;
      return error.message;
    }
  }

  async function replaceObject({ content, bytes }: EncodedArtifact): Promise<void> {
    // `put` would take a damaged object of the right size for the object itself.
    await objects.remove(content.sha256);
    await objects.put(content.sha256, bytes!);
  }

  async function rewrite(row: ArtifactRow, content: StoredContent): Promise<Outcome> {
    const there = await artifacts.find(content);
    if (there !== null && there !== row.id) {
      const why = `artifact ${there} has the content that it should have`;
      return { done: false, why, next: cutsFor(row.id) };
    }
    const same =
      row.sha256.equals(content.sha256) &&
      row.byteLength === content.byteLength &&
      row.text === content.text &&
      row.width === content.width &&
      row.height === content.height;
    if (same) return DONE;
    await write(() =>
      rewriting(function* () {
        yield* run(build.update(artifactRows).set(content).where(eq(artifactRows.id, row.id)));
      }),
    );
    return DONE;
  }

  /**
   * Repairs that cut every run that passed through an artifact back to the step before it. A prompt is no
   * step.
   */
  async function* cutsFor(id: number): AsyncGenerator<Repair, void, undefined> {
    const after = (run: number) =>
      read(() =>
        all(
          build
            .select({ run: invocations.runId, from: sql<number>`min(${invocations.sequence})` })
            .from(invocations)
            .where(and(eq(invocations.outputId, id), gt(invocations.runId, run)))
            .groupBy(invocations.runId)
            .orderBy(asc(invocations.runId))
            .limit(CUTS_BATCH),
        ),
      );
    let rows = await after(-1);
    if (rows.length > 0) yield { kind: 'delete artifact', artifact: id };
    for (; rows.length > 0; rows = await after(rows.at(-1)!.run)) {
      for (const row of rows) yield { kind: 'cut run', ...row };
    }
  }

  /** Deletes artifacts that no run mentions, with their vectors and objects. */
  async function deleteArtifacts(ids: readonly number[]): Promise<Outcome> {
    const gone = await write(() => deleted(ids));
    for (const { sha256, modality } of gone) if (isStoredAsObject(modality)) await objects.remove(sha256);
    return gone.length === ids.length ? DONE : impossible('a run passes through it');
  }

  function* deleted(ids: readonly number[]): Work<ArtifactRow[]> {
    // Ask for each artifact alone: as many rows as there are steps may mention a prompt, or an output that
    // many runs share.
    const unmentioned = yield* all(
      build
        .select({ id: artifactRows.id })
        .from(artifactRows)
        .where(
          and(
            inArray(artifactRows.id, [...ids]),
            sql`not exists (select 1 from ${invocations} where ${invocations.outputId} = ${artifactRows.id})`,
            sql`not exists (select 1 from ${invocations} where ${invocations.inputId} = ${artifactRows.id})`,
            sql`not exists (select 1 from ${runs} where ${runs.promptId} = ${artifactRows.id})`,
          ),
        ),
    );
    const free = unmentioned.map(({ id }) => id);
    if (free.length === 0) return [];
    const rows = yield* all(build.select().from(artifactRows).where(inArray(artifactRows.id, free)));
    yield* derived.deletedVectors(free);
    yield* run(build.delete(artifactRows).where(inArray(artifactRows.id, free)));
    return rows;
  }

  return { recomputeArtifact, deleteArtifacts };
}

function isSame(model: GenerativeModel, stored: typeof models.$inferSelect): boolean {
  const { source, revision, settings } = model;
  return (
    source === stored.source && revision === stored.revision && canonicalJson(settings) === stored.settings
  );
}

/**
 * Whether this content is the one of an artifact's row: by its digest, or by its text if the digest is what
 * is wrong.
 */
function isOf(row: ArtifactRow, content: StoredContent): boolean {
  if (row.modality !== content.modality) return false;
  return content.sha256.equals(row.sha256) || (content.text !== null && content.text === row.text);
}
