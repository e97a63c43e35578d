import { compiledFile } from '../../common/compiled-file.js';
import type { Pacer } from '../../tda/pacer.js';
import { ThreadGroup } from '../../tda/thread-group.js';
import { collectNeighbours, type CoreTask } from './core-task.js';
import { type EdgeTask, findSpanningEdges } from './edge-task.js';
import type { Edges } from './edges.js';
import { findNearest, type NearestTask } from './nearest-task.js';
import { NeighbourLists } from './neighbour-lists.js';
import type { ThreadMessage, ThreadOrder } from './thread.js';

type OnPairs = (pairs: number) => void;

/** Computes the distances of a clustering: the calling thread alone, or threads of their own. */
export interface Crew {
  /** The core distance of each row. */
  coreDistances(task: CoreTask, onPairs: OnPairs): Promise<Float32Array>;
  /** Passes on the edges of each portion, in any order. */
  spanningEdges(task: EdgeTask, onEdges: (edges: Edges) => void, onPairs: OnPairs): Promise<void>;
  /** Fills in the answer. Every array of the task is in shared memory. */
  nearest(task: NearestTask, onPairs: OnPairs): Promise<void>;
  close(): Promise<void>;
}

/** `threads` 1: the calling thread alone. */
export function crewOf(threads: number, pacer: Pacer, signal: AbortSignal | undefined): Crew {
  return threads > 1 ? threadCrew(threads, signal) : singleThreadCrew(pacer);
}

/** The calling thread alone. It lets the event loop run. */
function singleThreadCrew(pacer: Pacer): Crew {
  return {
    async coreDistances(task, onPairs) {
      const lists = new NeighbourLists(task.weights, task.needed);
      for (const pairs of collectNeighbours(task, lists, localCounter())) {
        onPairs(pairs);
        await pacer.spend(pairs * task.dimension);
      }
      return lists.coreDistances();
    },
    async spanningEdges(task, onEdges, onPairs) {
      for (const { pairs, edges } of findSpanningEdges(task, localCounter())) {
        if (edges !== null) onEdges(edges);
        onPairs(pairs);
        await pacer.spend(pairs * task.dimension);
      }
    },
    async nearest(task, onPairs) {
      for (const pairs of findNearest(task, localCounter())) {
        onPairs(pairs);
        await pacer.spend(pairs * task.dimension);
      }
    },
    close: () => Promise.resolve(),
  };
}

/** Threads of their own. The calling thread only puts together what they find. */
function threadCrew(size: number, signal: AbortSignal | undefined): Crew {
  const file = compiledFile('analysis/clusters/thread.js');
  const threads = new ThreadGroup<ThreadOrder, ThreadMessage>(file, size, signal);
  return {
    async coreDistances(task, onPairs) {
      const lists = new NeighbourLists(task.weights, task.needed);
      const order = { type: 'cores', task: shared(task), next: sharedCounter() } as const;
      await threads.order(order, (message) => {
        if (message.type === 'pairs') onPairs(message.pairs);
        if (message.type === 'neighbours') lists.merge(message.found);
        return message.type === 'neighbours';
      });
      return lists.coreDistances();
    },
    async spanningEdges(task, onEdges, onPairs) {
      const order = { type: 'edges', task: shared(task), next: sharedCounter() } as const;
      await threads.order(order, (message) => {
        if (message.type === 'pairs') onPairs(message.pairs);
        if (message.type === 'edges') onEdges(message.edges);
        return message.type === 'done';
      });
    },
    async nearest(task, onPairs) {
      await threads.order({ type: 'nearest', task, next: sharedCounter() }, (message) => {
        if (message.type === 'pairs') onPairs(message.pairs);
        return message.type === 'done';
      });
    },
    close: () => threads.close(),
  };
}

function localCounter(): () => number {
  let next = 0;
  return () => next++;
}

function sharedCounter(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4));
}

/** The task with its points in shared memory, so that a message to each thread does not copy them. */
function shared<Task extends { readonly points: Float32Array }>(task: Task): Task {
  if (task.points.buffer instanceof SharedArrayBuffer) return task;
  const points = new Float32Array(new SharedArrayBuffer(task.points.byteLength));
  points.set(task.points);
  return { ...task, points };
}
