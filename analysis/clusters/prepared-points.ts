import { compiledFile } from '../../common/compiled-file.js';
import type { Pacer } from '../../tda/pacer.js';
import { ThreadGroup } from '../../tda/thread-group.js';
import type { Pca } from '../components/pca.js';
import type { Points } from '../points.js';
import { project } from '../components/projection.js';
import type { Corpus } from './corpus.js';
import type { ThreadMessage, ThreadOrder } from './thread.js';
import { scaleRows } from './unit-rows.js';

/** Components that are kept. */
const COMPONENTS = 50;
const ROWS_PER_STEP = 64;

/** How points with fewer coordinates were made. */
export interface Projection {
  readonly components: number;
  /** The share of the variance of the rows that the components hold, in [0, 1]. Below 0.95 the clusters may differ. */
  readonly explainedVariance: number;
}

export interface PreparedPoints extends Points {
  readonly projection: Projection | null;
}

/** Number of coordinates that `preparePoints` leaves, at most. */
export function preparedDimension(rows: number, dimension: number, projectAboveRows: number): number {
  return rows > projectAboveRows ? Math.min(COMPONENTS, dimension) : dimension;
}

/**
 * Points to cluster: the vectors of these rows, scaled to length 1. If there are more than `projectAboveRows` of them,
 * these are their scores on the first 50 principal components of the first `fitRows` rows, each row counted once: what is
 * about places counts places.
 */
export async function preparePoints(
  corpus: Corpus,
  rows: Uint32Array,
  { projectAboveRows, fitRows }: { readonly projectAboveRows: number; readonly fitRows: number },
  pacer: Pacer,
  signal: AbortSignal | undefined,
): Promise<PreparedPoints> {
  const { dimension } = corpus;
  const fitted = rows.subarray(0, fitRows);
  const isProjected = preparedDimension(rows.length, dimension, projectAboveRows) < dimension;
  const first = isProjected ? fitted : rows;
  const points = new Float32Array(new SharedArrayBuffer(4 * first.length * dimension));
  await pacer.finish(scaleRows(corpus, first, points));
  if (!isProjected) return { points, dimension, projection: null };

  const found = await principalComponents({ points, dimension }, signal);
  const components = found.explainedVariance.length;
  // All rows have one direction.
  if (components === 0) return { points: new Float32Array(rows.length), dimension: 1, projection: null };
  const scores = new Float32Array(new SharedArrayBuffer(4 * rows.length * components));
  scores.set(found.scores!.points);
  const scaled = new Float32Array(ROWS_PER_STEP * dimension);
  for (let place = fitted.length; place < rows.length; place += ROWS_PER_STEP) {
    const some = rows.subarray(place, place + ROWS_PER_STEP);
    await pacer.finish(scaleRows(corpus, some, scaled));
    const further = project(found, { points: scaled.subarray(0, some.length * dimension), dimension });
    scores.set(further.points, place * components);
    await pacer.spend(4 * some.length * dimension * components);
  }
  const explainedVariance = found.explainedVarianceRatio.reduce((sum, share) => sum + share, 0);
  return { points: scores, dimension: components, projection: { components, explainedVariance } };
}

/** In a thread of its own, since the calling thread would be busy for seconds. */
async function principalComponents(points: Points, signal: AbortSignal | undefined): Promise<Pca> {
  const file = compiledFile('analysis/clusters/thread.js');
  const thread = new ThreadGroup<ThreadOrder, ThreadMessage>(file, 1, signal);
  const found: Pca[] = [];
  try {
    await thread.order({ type: 'components', points, components: COMPONENTS }, (message) => {
      if (message.type === 'components') found.push(message.pca);
      return message.type === 'components';
    });
    return found[0]!;
  } finally {
    await thread.close();
  }
}
