import { and, eq } from 'drizzle-orm';
import { canonicalJson } from '../experiment/ids.js';
import { type Model, wholeRevision } from '../experiment/model.js';
import type { HostFingerprint } from '../experiment/provenance.js';
import type { Database } from './database.js';
import { hosts, models } from './schema.js';
import { get, run as execute } from './work.js';
import type { Work } from './work.js';

export type ProvenanceTables = ReturnType<typeof provenanceTables>;

/** Rows for models and hosts, made at first use. Ids never change, so they are remembered for the process's life. */
export function provenanceTables({ build, write }: Database) {
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

  return { modelId, hostId };
}
