import { createHash } from 'node:crypto';
import { PanicError } from '../../common/errors.js';

/** An object as a listing shows it; its bytes are not looked at. */
export interface StoredObject {
  readonly sha256: Buffer;
  readonly byteLength: number;
  /** Milliseconds since the epoch, by the clock of the disk or the service. */
  readonly modifiedAt: number;
}

/**
 * Large objects (pictures) by the SHA-256 of their bytes: a folder of this machine, or a bucket of an S3 service that several
 * machines share. Where storage cannot be reached for now, methods throw PanicError `StoreUnavailable`; where it refuses
 * (permissions, no such bucket), `InvalidInput`.
 */
export interface ObjectStore {
  /** Where the objects are, for people: a path, or `s3://bucket/prefix`. */
  readonly root: string;
  /** Proves that objects can be written and read, before work starts. Throws `InvalidInput` that says what to do. */
  check(): Promise<void>;
  /** What this place calls itself, wherever it is moved or copied to: an id that somebody gave it; null where nobody has. */
  id(): Promise<string | null>;
  /** Makes that durable. */
  setId(id: string): Promise<void>;
  /** What this place says of the database that it belongs to (owner.ts); null where it says nothing. */
  owner(): Promise<string | null>;
  /**
   * Makes `text` durable where the place says nothing yet. Of several that claim a place at once one succeeds; a service that knows no conditional
   * writes keeps the last of them. What it says is asked afterwards.
   */
  claim(text: string): Promise<void>;
  /** Makes `text` durable, whatever the place said before. */
  setOwner(text: string): Promise<void>;
  /** Makes the bytes durable under their SHA-256. An equal object that is there already is kept. */
  put(sha256: Buffer, bytes: Uint8Array): Promise<void>;
  /**
   * The bytes of an object, of which there are `byteLength` where a row says so. Throws StoreConflict where it is missing, is no file, has
   * another length, or its bytes do not hash to its name.
   */
  get(sha256: Buffer, byteLength?: number): Promise<Buffer>;
  /** Bytes of an object, by its listing alone; null where there is none. */
  size(sha256: Buffer): Promise<number | null>;
  /** Every object, in order of name. What has no object's name is passed over. */
  list(): AsyncIterable<StoredObject>;
  /** Deletes an object; one that is missing is fine. No row may point at it. */
  remove(sha256: Buffer): Promise<void>;
  /** Where an object is or would be, for people: a path, or `s3://bucket/key`. */
  location(sha256: Buffer): string;
  /** Temporary files of writes that never ended, last touched before `before` (ms since the epoch). They only take room. */
  leftovers(before: number): AsyncIterable<string>;
  /** To be called when every other call is settled. */
  close(): void;
}

/** The largest picture (`MAX_PICTURE_PIXELS`) in a form that nothing made smaller, with room for what WebP adds. */
export const MOST_OBJECT_BYTES = 256 * 2 ** 20;

/** Far more than the mark of a place has. */
export const MOST_MARK_BYTES = 4096;

/** `ab/ab12…`: sub-folder and name, in lower-case hexadecimal. The same in both kinds of store, so that either can be copied whole. */
export function objectKey(sha256: Buffer): string {
  const name = sha256.toString('hex');
  return `${name.slice(0, 2)}/${name}`;
}

/** The SHA-256 that a key names; null for what is no object of ours. */
export function sha256OfKey(key: string): Buffer | null {
  const [, folder, name] = /^([0-9a-f]{2})\/([0-9a-f]{64})$/.exec(key) ?? [];
  return folder === undefined || name?.startsWith(folder) !== true ? null : Buffer.from(name, 'hex');
}

/** Beside the objects: what `id` reads. */
export const ID_NAME = 'panic-tda-objects.id';

/** Beside the objects: what `owner` reads. */
export const OWNER_NAME = 'panic-tda-objects.owner.json';

/** The id that a file of that name holds; null where it holds none. */
export function idIn(bytes: Uint8Array | null): string | null {
  const [id] = /^[0-9a-f-]{36}(?=\n$)/.exec(Buffer.from(bytes ?? []).toString('latin1')) ?? [];
  return id ?? null;
}

export function sha256Of(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** The bytes, where they hash to their name; else throws StoreConflict. */
export function verified(bytes: Buffer, sha256: Buffer, location: string): Buffer {
  if (sha256Of(bytes).equals(sha256)) return bytes;
  throw new PanicError('StoreConflict', `object ${location} is damaged: its bytes do not hash to its name`);
}
