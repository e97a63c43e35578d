/**
 * The float32 numbers of a stored blob, little-endian. The result is a copy, because a blob may begin at any
 * offset.
 */
export function float32s(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer, 0, bytes.byteLength >>> 2);
}
