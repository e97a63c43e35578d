import { createHash } from 'node:crypto';
import { PanicError } from '../../common/errors.js';

/** An object as a listing shows it; the listing does not read its bytes. */
export interface StoredObject {
  readonly sha256: Buffer;
  readonly byteLength: number;
  /** Milliseconds since the epoch, by the clock of the disk or the service. */
  readonly modifiedAt: number;
}

/**
 * Large objects (pictures) by the SHA-256 of their bytes: in a folder of this machine, or in a bucket of an
 * S3 service that several machines share. If the storage cannot be reached now, methods throw PanicError
 * `StoreUnavailable`; if it refuses (permissions, no such bucket), `InvalidInput`.
 */
export interface ObjectStore {
  /** The place of the objects, for people: a path, or `s3://bucket/prefix`. */
  readonly root: string;
  /**
   * Proves, before work starts, that this process can write and read objects. Throws `InvalidInput` that says
   * what to do.
   */
  check(): Promise<void>;
  /**
   * The id of this place, which stays with it when a user moves or copies it; null if no process has given it
   * one.
   */
  id(): Promise<string | null>;
  /** Makes the id durable. */
  setId(id: string): Promise<void>;
  /** The place's own statement about its database (owner.ts); null if there is none. */
  owner(): Promise<string | null>;
  /**
   * Makes `text` durable if the place has no statement yet. Of several processes that claim a place at once
   * one succeeds. A service without conditional writes keeps the last text. So ask for the statement
   * afterwards.
   */
  claim(text: string): Promise<void>;
  /** Makes `text` durable, whatever statement the place had before. */
  setOwner(text: string): Promise<void>;
  /** Makes the bytes durable under their SHA-256. Keeps an equal object that exists already. */
  put(sha256: Buffer, bytes: Uint8Array): Promise<void>;
  /**
   * The bytes of an object, which must be `byteLength` bytes if the caller gives that. Throws StoreConflict
   * if the object is missing, is no file or has another length, or if its bytes do not hash to its name.
   */
  get(sha256: Buffer, byteLength?: number): Promise<Buffer>;
  /** Bytes of an object, according to its listing alone; null if there is none. */
  size(sha256: Buffer): Promise<number | null>;
  /** Every object, in order of name. Files without an object's name are left out. */
  list(): AsyncIterable<StoredObject>;
  /** Deletes an object; a missing one is no error. No row may point at it. */
  remove(sha256: Buffer): Promise<void>;
  /** The place where an object is or would be, for people: a path, or `s3://bucket/key`. */
  location(sha256: Buffer): string;
  /**
   * Temporary files of writes that never ended, last changed before `before` (ms since the epoch). They only
   * use room.
   */
  leftovers(before: number): AsyncIterable<string>;
  /** Call it when every other call has settled. */
  close(): void;
}

/** The largest picture (`MAX_PICTURE_PIXELS`) without any compression, with room for WebP's own bytes. */
export const MOST_OBJECT_BYTES = 256 * 2 ** 20;

/** Far more bytes than the mark of a place has. */
export const MOST_MARK_BYTES = 4096;

/**
 * `ab/ab12…`: sub-folder and name, in lower-case hexadecimal. Both kinds of store use the same keys, so that
 * a user can copy either one whole.
 */
export function objectKey(sha256: Buffer): string {
  const name = sha256.toString('hex');
  return `${name.slice(0, 2)}/${name}`;
}

/** The SHA-256 that a key names; null if the key names no object of ours. */
export function sha256OfKey(key: string): Buffer | null {
  const [, folder, name] = /^([0-9a-f]{2})\/([0-9a-f]{64})$/.exec(key) ?? [];
  return folder === undefined || name?.startsWith(folder) !== true ? null : Buffer.from(name, 'hex');
}

/** The file beside the objects that `id` reads. */
export const ID_NAME = 'panic-tda-objects.id';

/** The file beside the objects that `owner` reads. */
export const OWNER_NAME = 'panic-tda-objects.owner.json';

/** The id in the content of that file; null if it has none. */
export function idIn(bytes: Uint8Array | null): string | null {
  const [id] = /^[0-9a-f-]{36}(?=\n$)/.exec(Buffer.from(bytes ?? []).toString('latin1')) ?? [];
  return id ?? null;
}

export function sha256Of(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** The bytes, if they hash to their name; otherwise throws StoreConflict. */
export function verified(bytes: Buffer, sha256: Buffer, location: string): Buffer {
  if (sha256Of(bytes).equals(sha256)) return bytes;
  throw new PanicError('StoreConflict', `object ${location} is damaged: its bytes do not hash to its name`);
}
