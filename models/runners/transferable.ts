import type { Artifact } from '../../experiment/artifact.js';
import { assertNever } from '../../common/errors.js';

/** The memory of an artifact that a message transfers to another thread, without a copy. */
export function transferable(artifact: Artifact): ArrayBuffer[] {
  switch (artifact.modality) {
    case 'text':
      return [];
    case 'image':
      return transferableBuffers([artifact.pixels]);
    default:
      return assertNever(artifact);
  }
}

/** The memory of these arrays that a message can transfer. Shared memory stays with both threads. */
export function transferableBuffers(arrays: readonly ArrayBufferView[]): ArrayBuffer[] {
  return arrays.map(({ buffer }) => buffer).filter((buffer) => buffer instanceof ArrayBuffer);
}

/** A copy of an artifact whose memory can be transferred. The caller keeps the original. */
export function detachable(artifact: Artifact): { sent: Artifact; buffers: readonly ArrayBuffer[] } {
  switch (artifact.modality) {
    case 'text':
      return { sent: artifact, buffers: [] };
    case 'image': {
      const pixels = new Uint8Array(artifact.pixels);
      return { sent: { ...artifact, pixels }, buffers: [pixels.buffer] };
    }
    default:
      return assertNever(artifact);
  }
}
