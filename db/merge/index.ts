import { faultPoint } from '../../common/fault.js';
import { contentOfArtifact } from '../tables/artifacts.js';
import type { ArtifactTable } from '../tables/artifacts.js';
import type { Connection } from '../connection/sqlite.js';
import { contentOf } from '../read/content.js';
import type { ContentRow } from '../read/content.js';
import type { Database } from '../connection/database.js';
import type { ObjectStore } from '../objects/object-store.js';
import { compareContent } from './compare.js';
import type { Difference } from './compare.js';
import { mergeSource } from './source.js';
import type { MergeSource } from './source.js';
import type { StoredExperiment } from '../read/rows.js';
import { mergeTarget } from './target.js';

/** The result of the merge, or of its trial, for one experiment of the source. */
export interface MergedExperiment {
  readonly experiment: string;
  readonly name: string | null;
  /**
   * `new`: the target did not have it. `extended`: the target had less of it. `equal`: nothing to do, also if
   * the target has more. `conflict`: the two disagree, and the merge changed nothing of it.
   */
  readonly outcome: 'new' | 'extended' | 'equal' | 'conflict';
  /** Rows that the target did not have. */
  readonly added: Difference['missing'];
  /** Pictures that the target did not have. */
  readonly objects: number;
  readonly objectBytes: number;
  /**
   * The reasons why it stays as it is: it may not be changed now, or a line for each of the first runs that
   * disagree.
   */
  readonly conflicts: readonly string[];
  /**
   * The number of runs in both stores that disagree, the number of those with different drawn seeds, and the
   * number that agree.
   */
  readonly conflictingRuns: number;
  readonly drawnApart: number;
  readonly agreeingRuns: number;
}

export interface MergeParts {
  readonly source: { readonly db: Connection; readonly objects: ObjectStore };
  /** Null in a trial, if there is no target store yet. */
  readonly target: { readonly db: Database; readonly artifacts: ArtifactTable } | null;
  /** Whether to report only, and change nothing. */
  readonly dryRun: boolean;
  /** The reason why an experiment of the target may not be changed now, or null. */
  readonly busy: (experiment: string) => Promise<string | null>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly onProgress?: (progress: MergeProgress) => void;
}

/** How many runs of an experiment the merge has added or extended, of how many. */
export interface MergeProgress {
  readonly experiment: string;
  readonly runs: number;
  readonly of: number;
}

const NOTHING = { run: 0, invocation: 0, embedding: 0, diagram: 0, surrogate: 0 };
const COPIES_AT_ONCE = 8;

/**
 * Adds the experiments of one store to another, each after its pictures. A caller can repeat an interrupted
 * call. If both stores have an experiment, the target gets its missing rows, provided that the common rows
 * are equal.
 */
export async function* mergeStores(parts: MergeParts): AsyncGenerator<MergedExperiment, void, undefined> {
  const source = mergeSource(parts.source.db);
  try {
    for await (const experiment of source.reader.experiments()) {
      // A deletion of it is under way.
      if (experiment.deletingAt !== null) continue;
      const merged = await mergeOne(source, experiment, parts);
      parts.source.db.file.refuseIfChanged();
      yield merged;
    }
  } finally {
    await source.close();
  }
}

async function mergeOne(
  from: MergeSource,
  experiment: StoredExperiment,
  { source, target, dryRun, busy, now, onProgress }: MergeParts,
): Promise<MergedExperiment> {
  const { id, name } = experiment;
  const theirs = target === null ? nothing() : contentOf(target.db, id);
  const difference = await compareContent(contentOf(source.db, id), theirs);
  const reason = difference.runs.size === 0 ? null : await busy(id);
  const conflicts = reason === null ? difference.conflicts : [reason, ...difference.conflicts];
  const { conflictingRuns, drawnApart, agreeingRuns } = difference;
  const told = { experiment: id, name, conflicts, conflictingRuns, drawnApart, agreeingRuns };
  if (conflicts.length > 0) {
    return { ...told, outcome: 'conflict', added: NOTHING, objects: 0, objectBytes: 0 };
  }
  const counted = { ...told, added: difference.missing };
  if (difference.runs.size === 0) return { ...counted, outcome: 'equal', objects: 0, objectBytes: 0 };
  const copied = await copyPictures(from, id, source.objects, target, dryRun);
  if (!dryRun && target !== null) {
    const of = difference.runs.size;
    const tell = (done: number): void => onProgress?.({ experiment: id, runs: done, of });
    await mergeTarget(target.db, target.artifacts).add(from, experiment, difference.runs, now(), tell);
  }
  // The first run comes with the row of its experiment.
  const outcome = agreeingRuns === 0 ? 'new' : 'extended';
  return { ...counted, outcome, ...copied };
}

async function* nothing(): AsyncGenerator<ContentRow, void, undefined> {
  // The experiment does not exist.
}

/**
 * Copies pictures before the rows that point at them. The copy verifies each by its digest when it reads it.
 */
async function copyPictures(
  { reader }: MergeSource,
  experiment: string,
  from: ObjectStore,
  target: MergeParts['target'],
  dryRun: boolean,
): Promise<{ objects: number; objectBytes: number }> {
  const total = { objects: 0, objectBytes: 0 };
  const pictures = reader.objectsOf(experiment)[Symbol.asyncIterator]();
  async function lane(): Promise<void> {
    for (let next = await pictures.next(); next.done !== true; next = await pictures.next()) {
      const content = contentOfArtifact(next.value);
      if (target !== null && (await target.artifacts.find(content)) !== null) continue;
      if (!dryRun && target !== null) {
        await target.artifacts.stage({ content, bytes: await from.get(content.sha256, content.byteLength) });
        faultPoint('merge:after-object');
      }
      total.objects++;
      total.objectBytes += content.byteLength;
    }
  }
  try {
    await Promise.all(Array.from({ length: COPIES_AT_ONCE }, lane));
  } finally {
    await pictures.return?.();
  }
  return total;
}
