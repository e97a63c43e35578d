import { and, eq, sql } from 'drizzle-orm';
import type { Artifact, ImageArtifact } from '../../experiment/artifact.js';
import { isStoredAsObject } from '../../experiment/modality.js';
import { assertNever, PanicError } from '../../common/errors.js';
import { UnreadablePicture } from '../../experiment/pictures/decode.js';
import { quoted } from '../../common/problems.js';
import { textFault, unfitText } from '../../common/text.js';
import { databaseTime } from '../connection/clock.js';
import { placeholders } from '../columns.js';
import type { Row } from '../columns.js';
import type { Database } from '../connection/database.js';
import { sha256Of } from '../objects/object-store.js';
import type { ObjectStore } from '../objects/object-store.js';
import { decodeObject, encodePicture } from './picture-codec.js';
import { artifacts, removedObjects } from '../schema.js';
import { get, run } from '../connection/work.js';
import type { Work } from '../connection/work.js';

/**
 * For this time no process may store an object again that another process is about to remove. The removal
 * takes far less.
 */
export const REMOVAL_CLAIM_MS = 60_000;

/** The content of an artifact's row. */
export type StoredContent = Omit<Row<typeof artifacts>, 'id'>;

export function contentOfArtifact(row: Row<typeof artifacts>): StoredContent {
  const { id: _, ...content } = row;
  return content;
}

/**
 * An artifact in its stored form. `bytes` is a picture's object; it is null for a text, which lives in its
 * row.
 */
export interface EncodedArtifact {
  readonly content: StoredContent;
  readonly bytes: Buffer | null;
}

export type ArtifactTable = ReturnType<typeof artifactTable>;

export function artifactTable({ build, read, write, rows, dialect }: Database, objects: ObjectStore) {
  const byContent = build
    .select({ id: artifacts.id })
    .from(artifacts)
    .where(
      and(
        eq(artifacts.sha256, sql.placeholder('sha256')),
        eq(artifacts.modality, sql.placeholder('modality')),
      ),
    )
    .prepare();
  const byId = build
    .select()
    .from(artifacts)
    .where(eq(artifacts.id, sql.placeholder('id')))
    .prepare();

  const insert = build
    .insert(artifacts)
    .values(placeholders(artifacts, 'id'))
    .onConflictDoNothing()
    .returning({ id: artifacts.id })
    .prepare();

  const removal = build
    .select()
    .from(removedObjects)
    .where(eq(removedObjects.sha256, sql.placeholder('sha256')))
    .prepare();

  /**
   * Makes a picture's object durable; a text needs none. Call `idOf` next, in the row's transaction. Throws
   * while another process removes an equal object; the caller then tries again.
   */
  async function stage({ content, bytes }: EncodedArtifact): Promise<StoredContent> {
    if (bytes === null) return content;
    const { sha256 } = content;
    const removed = await read(() => get(removal, { sha256 }));
    if (removed !== undefined) await write(() => forgetRemoval(sha256));
    await objects.put(sha256, bytes);
    return content;
  }

  /** Takes the object off the list of those to remove. Throws if another process is removing it now. */
  function* forgetRemoval(sha256: Buffer): Work<void> {
    const row = yield* get(removal, { sha256 });
    if (row === undefined) return;
    const now = yield* databaseTime({ dialect, rows }, Date.now);
    if (row.removedAt === null && row.claimedAt !== null && now - row.claimedAt < REMOVAL_CLAIM_MS) {
      throw new ObjectBeingRemoved(sha256);
    }
    yield* run(build.delete(removedObjects).where(eq(removedObjects.sha256, sha256)));
  }

  /** The id of the artifact with this content; null if there is none. */
  async function find(content: StoredContent): Promise<number | null> {
    return read(() => storedId(content));
  }

  function* storedId({ sha256, modality }: StoredContent): Work<number | null> {
    return (yield* get(byContent, { sha256, modality }))?.id ?? null;
  }

  /**
   * The id of the artifact with this content; makes it if it is new. Throws if a deletion has put an equal
   * object on the list of those to remove after this object was staged; the caller then tries again. Throws
   * InvalidInput for a text that may not enter the store.
   */
  function* idOf(content: StoredContent): Work<number> {
    const stored = yield* storedId(content);
    if (stored !== null) return stored;
    if (content.text !== null) refuseUnfitText(content.text);
    const { modality, sha256 } = content;
    if (isStoredAsObject(modality) && (yield* get(removal, { sha256 })) !== undefined)
      throw new ObjectBeingRemoved(sha256);
    const made: { readonly id: number } | undefined = yield* get(insert, { ...content });
    // If another machine made the row meanwhile, it exists now.
    return made?.id ?? (yield* storedId(content))!;
  }

  /** The artifact itself: its pixels decoded, and checked against their digest. */
  async function load(id: number): Promise<Artifact> {
    const row = await read(() => get(byId, { id }));
    if (row === undefined)
      throw new PanicError('StoreConflict', `artifact ${id} is missing from the database`);
    switch (row.modality) {
      case 'text':
        return { modality: 'text', text: soundText(row) };
      case 'image':
        return await loadPicture(row);
      default:
        // A newer version, or damage, may leave another value.
        row.modality satisfies never;
        throw new PanicError(
          'StoreConflict',
          `artifact ${id} has a modality that this version of panic-tda does not know; "panic-tda doctor" says what mends it`,
        );
    }
  }

  async function loadPicture(row: Pick<StoredContent, 'sha256' | 'byteLength'>): Promise<ImageArtifact> {
    const bytes = await objects.get(row.sha256, row.byteLength);
    return await decodeObject(bytes).catch((error: unknown) => {
      if (!(error instanceof UnreadablePicture)) throw error;
      const object = objects.location(row.sha256);
      throw new PanicError(
        'StoreConflict',
        `${object} is not a picture of the store: ${error.message}; "panic-tda doctor --deep" says what mends it`,
        { cause: error },
      );
    });
  }

  return { encode, stage, find, idOf, load };
}

/** Throws InvalidInput by the rule of common/text.ts. The database's own check holds a part of that rule. */
export function refuseUnfitText(text: string): void {
  const fault = textFault(text);
  if (fault === null) return;
  throw new PanicError('InvalidInput', `the text ${quoted(text)} cannot be stored: ${unfitText(fault)}`);
}

/** A process is removing an equal object now. The removal ends soon, and the worker tries the step again. */
export class ObjectBeingRemoved extends Error {
  override readonly name = 'ObjectBeingRemoved';
  constructor(sha256: Buffer) {
    super(
      `object ${sha256.toString('hex')} is being removed with a deleted experiment; the step is tried again`,
    );
  }
}

/** The artifact in its stored form; writes nothing. */
async function encode(artifact: Artifact): Promise<EncodedArtifact> {
  switch (artifact.modality) {
    case 'text':
      return { content: textContent(artifact.text), bytes: null };
    case 'image': {
      const bytes = await encodePicture(artifact);
      return { content: pictureContent(sha256Of(bytes), bytes.byteLength, artifact), bytes };
    }
    default:
      return assertNever(artifact);
  }
}

/** The row of a picture whose object has this digest and size. */
export function pictureContent(
  sha256: Buffer,
  byteLength: number,
  { width, height }: Pick<ImageArtifact, 'width' | 'height'>,
): StoredContent {
  return { modality: 'image', sha256, byteLength, text: null, width, height };
}

/** Returns the text if it is sound; otherwise throws StoreConflict. */
function soundText({ id, text, sha256 }: typeof artifacts.$inferSelect): string {
  // Older versions stored halves of surrogate pairs, and SQLite returns them as U+FFFD: no model received
  // that text.
  if (text === null || (text.includes('\ufffd') && !textContent(text).sha256.equals(sha256))) {
    const fault = text === null ? 'missing' : 'no UTF-8';
    throw new PanicError(
      'StoreConflict',
      `the text of artifact ${id} is ${fault}; "panic-tda doctor" says what mends it`,
    );
  }
  return text;
}

export function textContent(text: string): StoredContent {
  const bytes = Buffer.from(text, 'utf8');
  return {
    modality: 'text',
    sha256: sha256Of(bytes),
    byteLength: bytes.byteLength,
    text,
    width: null,
    height: null,
  };
}
