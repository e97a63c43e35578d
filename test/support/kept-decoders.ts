import { afterAll, beforeAll } from '@jest/globals';
import { temporaryStore } from './small-experiment.js';

/**
 * Keeps the decoders of pictures until the end of a test file. They end with the last open store, and the next
 * store would start them again.
 */
export function keepDecoders(): void {
  let kept: ReturnType<typeof temporaryStore>;
  beforeAll(() => {
    kept = temporaryStore();
  });
  afterAll(async () => await kept.remove());
}
