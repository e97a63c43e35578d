import { and, eq } from 'drizzle-orm';
import type { Modality } from '../experiment/artifact.js';
import { canonicalJson } from '../experiment/ids.js';
import { type Model, wholeRevision } from '../experiment/model.js';
import type { HostFingerprint } from '../experiment/provenance.js';
import type { Database } from './database.js';
import { embeddings, hosts, invocations, models } from './schema.js';
import { all, get, run as execute } from './work.js';
import type { Work } from './work.js';

export type ProvenanceTables = ReturnType<typeof provenanceTables>;

/** Rows for models and hosts, made at first use. Ids never change, so they are remembered for the process's life. */
export function provenanceTables({ build, read, write }: Database) {
  const modelIds = new Map<Model, number>();
  const hostIds = new Map<string, number>();

  async function modelId(model: Model): Promise<number> {
    const remembered = modelIds.get(model);
    if (remembered !== undefined) return remembered;
    const id = await write(() => storedModelId(model));
    modelIds.set(model, id);
    return id;
  }

  function* storedModelId(model: Model): Work<number> {
    const identity = {
      name: model.name,
      kind: model.kind,
      source: model.source,
      revision: wholeRevision(model),
      settings: canonicalJson(model.settings),
    };
    const shape =
      model.kind === 'generative'
        ? { input: model.input, output: model.output, dimension: null }
        : { input: model.input, output: null, dimension: model.dimension };
    yield* execute(
      build
        .insert(models)
        .values({ ...identity, ...shape })
        .onConflictDoNothing(),
    );
    const query = build
      .select({ id: models.id })
      .from(models)
      .where(
        and(
          eq(models.name, identity.name),
          eq(models.kind, identity.kind),
          eq(models.source, identity.source),
          eq(models.revision, identity.revision),
          eq(models.settings, identity.settings),
        ),
      );
    return (yield* get(query))!.id;
  }

  async function hostId(host: HostFingerprint): Promise<number> {
    const fingerprint = canonicalJson(host);
    const remembered = hostIds.get(fingerprint);
    if (remembered !== undefined) return remembered;
    const id = await write(() => storedHostId(fingerprint));
    hostIds.set(fingerprint, id);
    return id;
  }

  function* storedHostId(fingerprint: string): Work<number> {
    yield* execute(build.insert(hosts).values({ fingerprint }).onConflictDoNothing());
    const query = build.select({ id: hosts.id }).from(hosts).where(eq(hosts.fingerprint, fingerprint));
    return (yield* get(query))!.id;
  }

  /**
   * The embedding model of this name whose vectors a run has, as it was stored: what a diagram is made with where the catalogue
   * does not know the model any more. Null where the run has vectors of none, or of several versions.
   */
  async function embeddedWith(runId: number, name: string): Promise<UsedEmbedding | null> {
    const query = build
      .selectDistinct({ id: models.id, name: models.name, input: models.input, dimension: models.dimension })
      .from(models)
      .innerJoin(embeddings, eq(embeddings.modelId, models.id))
      .innerJoin(invocations, eq(invocations.id, embeddings.invocationId))
      .where(and(eq(invocations.runId, runId), eq(models.name, name), eq(models.kind, 'embedding')))
      .limit(2);
    const found = await read(() => all(query));
    const [only] = found;
    if (only === undefined || found.length > 1 || only.dimension === null) return null;
    return { id: only.id, name: only.name, input: only.input, dimension: only.dimension };
  }

  return { modelId, hostId, embeddedWith };
}

/** What of an embedding model its vectors and diagrams are kept under. */
export interface UsedEmbedding {
  readonly id: number;
  readonly name: string;
  readonly input: Modality;
  readonly dimension: number;
}
