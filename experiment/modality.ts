import { MODALITIES } from './artifact.js';
import type { Modality } from './artifact.js';

/** What the rooms have to know of a modality. A switch with `assertNever` decides whatever is code and not a fact. */
export interface ModalityFacts {
  /** Where the store keeps an artifact: in the column `text` of its row, or as an object beside the database, named by its SHA-256. */
  readonly storedAs: 'row' | 'object';
  /** Several artifacts, in messages about an experiment file. */
  readonly plural: string;
  /** Estimate of the bytes that an artifact's row takes, with its digest and index. */
  readonly rowBytes: number;
  /** Estimate of an object's bytes where the store knows no better. 0 where the row is all. */
  readonly objectBytes: number;
}

export const MODALITY_FACTS: Readonly<Record<Modality, ModalityFacts>> = {
  /** About twenty words. */
  text: { storedAs: 'row', plural: 'texts', rowBytes: 350, objectBytes: 0 },
  /** A lossless 256 x 256 picture between a flat drawing (3 kB) and a photograph (110 kB). */
  image: { storedAs: 'object', plural: 'images', rowBytes: 150, objectBytes: 40_000 },
};

export function isStoredAsObject(modality: Modality): boolean {
  return MODALITY_FACTS[modality].storedAs === 'object';
}

/** Modalities whose artifacts are objects beside the database. */
export const OBJECT_MODALITIES: readonly Modality[] = MODALITIES.filter(isStoredAsObject);
