/** A stored blob as float32 numbers: a copy with its own memory, since blobs come at any offset. Little-endian. */
export function float32s(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer, 0, bytes.byteLength >>> 2);
}
