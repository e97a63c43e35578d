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

/** What became, or would become, of one experiment of the source. */
export interface MergedExperiment {
  readonly experiment: string;
  readonly name: string | null;
  /**
   * `new`: the target has not had it. `extended`: the target had less of it. `equal`: nothing to do, also where the target has
   * more. `conflict`: the two disagree, and nothing of it was changed.
   */
  readonly outcome: 'new' | 'extended' | 'equal' | 'conflict';
  /** Rows that the target lacked. */
  readonly added: Difference['missing'];
  /** Pictures that the target lacked. */
  readonly objects: number;
  readonly objectBytes: number;
  /** Why it is left as it is: that it may not be changed now, then a line for each of the first runs that disagree. */
  readonly conflicts: readonly string[];
  /** Runs that both have and that disagree; with drawn seeds that differ; and those that agree. */
  readonly conflictingRuns: number;
  readonly drawnApart: number;
  readonly agreeingRuns: number;
}

export interface MergeParts {
  readonly source: { readonly db: Connection; readonly objects: ObjectStore };
  /** Null where there is no store yet, for a trial. */
  readonly target: { readonly db: Database; readonly artifacts: ArtifactTable } | null;
  /** Says what would be done, and does nothing. */
  readonly dryRun: boolean;
  /** Why an experiment of the target may not be changed now, or null. */
  readonly busy: (experiment: string) => Promise<string | null>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly onProgress?: (progress: MergeProgress) => void;
}

/** How many runs of an experiment were added or extended, of those that are to be. */
export interface MergeProgress {
  readonly experiment: string;
  readonly runs: number;
  readonly of: number;
}

const NOTHING = { run: 0, invocation: 0, embedding: 0, diagram: 0, surrogate: 0 };
const COPIES_AT_ONCE = 8;

/**
 * Adds the experiments of one store to another, each after its pictures; any call of it can be cut off and repeated. An experiment that both have gets what the target lacks, if all that both have is equal.
 */
export async function* mergeStores(parts: MergeParts): AsyncGenerator<MergedExperiment, void, undefined> {
  const source = mergeSource(parts.source.db);
  try {
    for await (const experiment of source.reader.experiments()) {
      // What is left of it is being deleted.
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
  // An experiment that is not there.
}

/** Before the rows that point at them, each verified by its digest as it is read. */
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
