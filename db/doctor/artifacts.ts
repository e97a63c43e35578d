import { createHash } from 'node:crypto';
import { UnreadablePicture } from '../../experiment/pictures/decode.js';
import { isPanicError } from '../../common/errors.js';
import { textFault, unfitText } from '../../common/text.js';
import type { ObjectStore } from '../objects/object-store.js';
import { decodeObject } from '../tables/picture-codec.js';
import type { Snapshot } from '../connection/database.js';
import { experimentReader } from '../read/experiment-reader.js';
import type { StoredArtifact } from '../read/rows.js';
import { ahead } from './prefetch.js';
import { paced } from './yield-turns.js';
import type { OnRows } from './yield-turns.js';
import type { Invariant, Violation } from './violation.js';

/** A service answers after milliseconds, and the process holds each picture in memory meanwhile. */
const OBJECTS_AT_ONCE = 16;

interface Problem {
  readonly invariant: Invariant;
  readonly text: string;
}

/**
 * Invariant 5: every text and every picture's object exists and hashes to its name; `deep` also decodes the
 * pictures. Texts that may not enter a store (common/text.ts) but that older versions accepted break
 * invariant 2.
 */
export async function* checkArtifacts(
  snapshot: Snapshot,
  objects: ObjectStore,
  experiment: string | null,
  deep: boolean,
  onRows: OnRows,
): AsyncGenerator<Violation, void, undefined> {
  const rows = experimentReader(snapshot).artifactsOf(experiment);
  const problemsOf = (row: StoredArtifact): Problem[] | Promise<Problem[]> => {
    switch (row.modality) {
      case 'text':
        return textProblems(row);
      case 'image':
        return pictureProblems(row, objects, deep);
      default:
        // A newer version, or damage, may leave another value.
        row.modality satisfies never;
        return [{ invariant: 2, text: 'this version of panic-tda does not know its modality' }];
    }
  };
  for await (const [row, problems] of ahead(paced(rows, onRows), OBJECTS_AT_ONCE, problemsOf)) {
    for (const { invariant, text } of problems) {
      const repair = { kind: 'recompute artifact', artifact: row.id } as const;
      yield { invariant, table: 'artifacts', id: row.id, message: `${row.modality}: ${text}`, repair };
    }
  }
}

function textProblems({ text, sha256, byteLength }: StoredArtifact): Problem[] {
  if (text === null) return [{ invariant: 2, text: 'its text is missing' }];
  const fault = textFault(text);
  if (fault !== null) return [{ invariant: 2, text: unfitText(fault) }];
  const bytes = Buffer.from(text, 'utf8');
  const problems: Problem[] = [];
  if (!createHash('sha256').update(bytes).digest().equals(sha256)) {
    problems.push({ invariant: 5, text: 'it does not hash to its sha256' });
  }
  if (bytes.byteLength !== byteLength) {
    problems.push({ invariant: 5, text: `it has ${bytes.byteLength} bytes, its row says ${byteLength}` });
  }
  return problems;
}

async function pictureProblems(
  { sha256, byteLength, width, height }: StoredArtifact,
  objects: ObjectStore,
  deep: boolean,
): Promise<Problem[]> {
  let bytes: Buffer;
  try {
    bytes = await objects.get(sha256, byteLength);
  } catch (error) {
    if (isPanicError(error, 'StoreConflict')) return [{ invariant: 5, text: error.message }];
    throw error;
  }
  if (!deep) return [];
  const object = `object ${objects.location(sha256)}`;
  const size = await decodeObject(bytes).catch((error: unknown) => {
    if (error instanceof UnreadablePicture) return null;
    throw error;
  });
  if (size === null) return [{ invariant: 5, text: `${object} is not a picture that can be read` }];
  if (size.width === width && size.height === height) return [];
  const text = `${object} is ${size.width} x ${size.height}, its row says ${width} x ${height}`;
  return [{ invariant: 5, text }];
}
