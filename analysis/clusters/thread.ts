import { parentPort } from 'node:worker_threads';
import { takeFrom } from '../../tda/crew-tasks.js';
import { type Pca, pca } from '../components/pca.js';
import type { Points } from '../points.js';
import { collectNeighbours, type CoreTask } from './core-task.js';
import { type EdgeTask, findSpanningEdges } from './edge-task.js';
import type { Edges } from './edges.js';
import { findNearest, type NearestTask } from './nearest-task.js';
import { type FoundNeighbours, NeighbourLists } from './neighbour-lists.js';

/** An order to a thread of a crew. The points and the counter are in shared memory. */
export type ThreadOrder =
  | { readonly type: 'cores'; readonly task: CoreTask; readonly next: Int32Array }
  | { readonly type: 'edges'; readonly task: EdgeTask; readonly next: Int32Array }
  | { readonly type: 'nearest'; readonly task: NearestTask; readonly next: Int32Array }
  | { readonly type: 'components'; readonly points: Points; readonly components: number };

/** An answer of a thread. The last one is `neighbours`, `components` or `done`. */
export type ThreadMessage =
  | { readonly type: 'pairs'; readonly pairs: number }
  | { readonly type: 'edges'; readonly edges: Edges }
  | { readonly type: 'neighbours'; readonly found: FoundNeighbours }
  | { readonly type: 'components'; readonly pca: Pca }
  | { readonly type: 'done' };

function tell(message: ThreadMessage, moved: readonly ArrayBufferView[] = []): void {
  parentPort?.postMessage(
    message,
    moved.flatMap(({ buffer }) => (buffer instanceof ArrayBuffer ? [buffer] : [])),
  );
}

/** Counts pairs, and reports them some times a second. */
function pairCounter(dimension: number): (pairs: number) => void {
  const most = COORDINATES_PER_REPORT / dimension;
  let counted = 0;
  return (pairs) => {
    counted += pairs;
    if (counted < most) return;
    tell({ type: 'pairs', pairs: counted });
    counted = 0;
  };
}

const COORDINATES_PER_REPORT = 2 ** 27;

function follow(order: ThreadOrder): void {
  if (order.type === 'components') {
    tell({ type: 'components', pca: pca(order.points, { keep: { components: order.components } }) });
    return;
  }
  const take = takeFrom(order.next);
  const count = pairCounter(order.task.dimension);
  if (order.type === 'cores') {
    const lists = new NeighbourLists(order.task.weights, order.task.needed);
    for (const pairs of collectNeighbours(order.task, lists, take)) count(pairs);
    const found = lists.found();
    tell({ type: 'neighbours', found }, [found.distances, found.weights, found.counts]);
    return;
  }
  if (order.type === 'edges') {
    for (const { pairs, edges } of findSpanningEdges(order.task, take)) {
      if (edges !== null) tell({ type: 'edges', edges }, [edges.first, edges.second, edges.heights]);
      count(pairs);
    }
  } else {
    for (const pairs of findNearest(order.task, take)) count(pairs);
  }
  tell({ type: 'done' });
}

parentPort?.on('message', follow);
