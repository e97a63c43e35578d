/** A value of a database as bytes. Throws if it is none. */
export function storedBytes(value: unknown): Buffer {
  if (!Buffer.isBuffer(value)) throw new Error(`${String(value)} is no blob`);
  return value;
}
