import { and, desc, eq, inArray, lt, ne } from 'drizzle-orm';
import type { Modality } from '../../experiment/artifact.js';
import { canonicalJson } from '../../experiment/ids.js';
import { type Model, wholeRevision } from '../../experiment/model.js';
import type { Fingerprint } from '../../experiment/provenance.js';
import type { Database } from '../connection/database.js';
import { embeddings, hosts, invocations, models, runs, vectors } from '../schema.js';
import { all, get, run as execute } from '../connection/work.js';
import type { Work } from '../connection/work.js';

export type ProvenanceTables = ReturnType<typeof provenanceTables>;

/**
 * Rows for models and fingerprints (table `hosts`), made at first use. Ids never change, so the process
 * remembers them until it ends.
 */
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

  async function hostId(computedBy: Fingerprint): Promise<number> {
    const fingerprint = canonicalJson(computedBy);
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
   * The stored embedding model of this name whose vectors a run has. A diagram uses it if the catalogue no
   * longer knows the model. Null if the run has vectors of no such model, or of several versions.
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

  /** The embedding model of a row; null if there is none. */
  async function embeddingModel(id: number): Promise<UsedEmbedding | null> {
    const query = build.select().from(models).where(eq(models.id, id));
    const row = await read(() => get(query));
    if (row === undefined || row.dimension === null) return null;
    return { id, name: row.name, input: row.input, dimension: row.dimension };
  }

  /**
   * The devices that computed the models of an experiment, in the last runs that began and the first steps of
   * these. So the query reads a limited number of rows, whatever the size of the experiment. A copy of equal
   * work counts with the device that computed that work.
   */
  async function devices(experimentId: string): Promise<UsedDevice[]> {
    const begun = build
      .select({ id: runs.id })
      .from(runs)
      .where(and(eq(runs.experimentId, experimentId), ne(runs.status, 'pending')))
      .orderBy(desc(runs.runIndex))
      .limit(LOOKED_AT.runs);
    const ids = (await read(() => all(begun))).map(({ id }) => id);
    if (ids.length === 0) return [];
    const looked = and(inArray(invocations.runId, ids), lt(invocations.sequence, LOOKED_AT.steps));
    const generating = build
      .selectDistinct({ model: models.name, fingerprint: hosts.fingerprint })
      .from(invocations)
      .innerJoin(models, eq(models.id, invocations.modelId))
      .innerJoin(hosts, eq(hosts.id, invocations.hostId))
      .where(looked);
    const embedding = build
      .selectDistinct({ model: models.name, fingerprint: hosts.fingerprint })
      .from(invocations)
      .innerJoin(embeddings, eq(embeddings.invocationId, invocations.id))
      .innerJoin(vectors, eq(vectors.id, embeddings.vectorId))
      .innerJoin(models, eq(models.id, vectors.modelId))
      .innerJoin(hosts, eq(hosts.id, vectors.hostId))
      .where(looked);
    const rows = [...(await read(() => all(generating))), ...(await read(() => all(embedding)))];
    const used = new Map<string, UsedDevice>();
    for (const { model, fingerprint } of rows) {
      const { device }: Fingerprint = JSON.parse(fingerprint);
      used.set(canonicalJson([model, device]), { model, device });
    }
    return [...used.values()];
  }

  return { modelId, hostId, embeddedWith, embeddingModel, devices };
}

const LOOKED_AT = { runs: 50, steps: 64 } as const;

/** A device that a model was computed on. */
export interface UsedDevice {
  readonly model: string;
  /** `cpu`, `cuda` or `webgpu`; for a model behind a server, the server's name. */
  readonly device: string;
}

/** The facts about an embedding model under which its vectors and diagrams are stored. */
export interface UsedEmbedding {
  readonly id: number;
  readonly name: string;
  readonly input: Modality;
  readonly dimension: number;
}
