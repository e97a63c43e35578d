import type { Artifact } from '../../experiment/artifact.js';
import { assertNever } from '../../common/errors.js';

/** The memory of an artifact that a message transfers to another thread, without a copy. */
export function transferable(artifact: Artifact): ArrayBufferLike[] {
  switch (artifact.modality) {
    case 'text':
      return [];
    case 'image':
      return [artifact.pixels.buffer];
    default:
      return assertNever(artifact);
  }
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
