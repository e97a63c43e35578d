import { MODALITIES } from './artifact.js';
import type { Modality } from './artifact.js';

/**
 * The facts about a modality that the rooms need. Code that differs by modality is a switch with
 * `assertNever`.
 */
export interface ModalityFacts {
  /** Where the store keeps an artifact: in the column `text` of its row, or as an object beside the database, named by its SHA-256. */
  readonly storedAs: 'row' | 'object';
  /** The word for several artifacts, in messages about an experiment file. */
  readonly plural: string;
  /** Estimate of the bytes that an artifact's row takes, with its digest and index. */
  readonly rowBytes: number;
  /** Estimate of an object's bytes if the store knows no better. 0 if the row holds the whole artifact. */
  readonly objectBytes: number;
}

export const MODALITY_FACTS: Readonly<Record<Modality, ModalityFacts>> = {
  /** The estimate is for about twenty words. */
  text: { storedAs: 'row', plural: 'texts', rowBytes: 350, objectBytes: 0 },
  /** A lossless 256 x 256 picture between a flat drawing (3 kB) and a photograph (110 kB). */
  image: { storedAs: 'object', plural: 'images', rowBytes: 150, objectBytes: 40_000 },
};

/** Modalities whose artifacts the store keeps as objects beside the database. */
export const OBJECT_MODALITIES: readonly Modality[] = MODALITIES.filter(
  (modality) => MODALITY_FACTS[modality].storedAs === 'object',
);

/** False for a modality that a row has and this version does not know: a newer version, or damage, may leave one. */
export function isStoredAsObject(modality: Modality): boolean {
  return OBJECT_MODALITIES.includes(modality);
}
