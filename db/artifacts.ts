import { and, eq, sql } from 'drizzle-orm';
import { createHash } from 'node:crypto';
import type { Artifact, Modality } from '../experiment/artifact.js';
import { PanicError } from '../experiment/errors.js';
import type { Connection } from './connection.js';
import type { ObjectStore } from './objects.js';
import { decodePicture, encodePicture } from './picture-codec.js';
import { artifacts } from './schema.js';

/** What an artifact's row will say. For pictures the object is already durable when this exists. */
export interface StoredContent {
  readonly modality: Modality;
  readonly sha256: Buffer;
  readonly byteLength: number;
  readonly text: string | null;
  readonly width: number | null;
  readonly height: number | null;
}

export type ArtifactTable = ReturnType<typeof artifactTable>;

export function artifactTable(db: Connection, objects: ObjectStore) {
  const byContent = db
    .select({ id: artifacts.id })
    .from(artifacts)
    .where(
      and(
        eq(artifacts.sha256, sql.placeholder('sha256')),
        eq(artifacts.modality, sql.placeholder('modality')),
      ),
    )
    .prepare();
  const byId = db
    .select()
    .from(artifacts)
    .where(eq(artifacts.id, sql.placeholder('id')))
    .prepare();

  const insert = db
    .insert(artifacts)
    .values({
      modality: sql.placeholder('modality'),
      sha256: sql.placeholder('sha256'),
      byteLength: sql.placeholder('byteLength'),
      text: sql.placeholder('text'),
      width: sql.placeholder('width'),
      height: sql.placeholder('height'),
    })
    .returning({ id: artifacts.id })
    .prepare();

  /** Makes a picture's object durable; a text needs none. To be followed by `idOf` in the row's transaction. */
  async function stage(artifact: Artifact): Promise<StoredContent> {
    if (artifact.modality === 'text') return textContent(artifact.text);
    const bytes = await encodePicture(artifact);
    const sha256 = await objects.put(bytes);
    const { width, height } = artifact;
    return { modality: 'image', sha256, byteLength: bytes.byteLength, text: null, width, height };
  }

  /** The id of the artifact with this content, made if it is new. */
  function idOf(content: StoredContent): number {
    const key = { sha256: content.sha256, modality: content.modality };
    const found = byContent.get(key);
    if (found !== undefined) return found.id;
    return insert.get({ ...content }).id;
  }

  /** The artifact itself, pixels decoded and checked against their digest. */
  async function load(id: number): Promise<Artifact> {
    const row = byId.get({ id });
    if (row === undefined)
      throw new PanicError('StoreConflict', `artifact ${id} is missing from the database`);
    if (row.text !== null) return { modality: 'text', text: row.text };
    return decodePicture(await objects.get(row.sha256));
  }

  return { stage, idOf, load };
}

export function textContent(text: string): StoredContent {
  const bytes = Buffer.from(text, 'utf8');
  const sha256 = createHash('sha256').update(bytes).digest();
  return { modality: 'text', sha256, byteLength: bytes.byteLength, text, width: null, height: null };
}
