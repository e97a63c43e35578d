import { and, eq } from 'drizzle-orm';
import { canonicalJson } from '../experiment/ids.js';
import type { Model } from '../experiment/model.js';
import type { HostFingerprint } from '../experiment/provenance.js';
import type { Connection } from './connection.js';
import { hosts, models } from './schema.js';

export type ProvenanceTables = ReturnType<typeof provenanceTables>;

/** Rows for models and hosts, made at first use. Ids never change, so they are remembered for the process's life. */
export function provenanceTables(db: Connection) {
  const modelIds = new Map<Model, number>();
  const hostIds = new Map<string, number>();

  function modelId(model: Model): number {
    const remembered = modelIds.get(model);
    if (remembered !== undefined) return remembered;
    const identity = {
      name: model.name,
      kind: model.kind,
      source: model.source,
      revision: model.revision,
      settings: canonicalJson(model.settings),
    };
    const shape =
      model.kind === 'generative'
        ? { input: model.input, output: model.output, dimension: null }
        : { input: model.input, output: null, dimension: model.dimension };
    db.insert(models)
      .values({ ...identity, ...shape })
      .onConflictDoNothing()
      .run();
    const { id } = db
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
      )
      .get()!;
    modelIds.set(model, id);
    return id;
  }

  function hostId(host: HostFingerprint): number {
    const fingerprint = canonicalJson(host);
    const remembered = hostIds.get(fingerprint);
    if (remembered !== undefined) return remembered;
    db.insert(hosts).values({ fingerprint }).onConflictDoNothing().run();
    const { id } = db.select({ id: hosts.id }).from(hosts).where(eq(hosts.fingerprint, fingerprint)).get()!;
    hostIds.set(fingerprint, id);
    return id;
  }

  return { modelId, hostId };
}
