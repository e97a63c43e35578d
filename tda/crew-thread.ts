import { parentPort } from 'node:worker_threads';
import {
  CoresWanted,
  type CoresWantedState,
  type DistanceTask,
  fillDistances,
  findComponents,
  findCores,
  type LinkReport,
  type LinkSearch,
  type LinkTask,
  takeFrom,
} from './crew-tasks.js';
import type { EdgeClasses } from './kernel.js';
import { atOnce } from './pacer.js';

/** An order to a thread of a crew. The arrays to fill, the edges and the counters are in shared memory. */
export type CrewOrder =
  | { readonly type: 'distances'; readonly task: DistanceTask; readonly next: Int32Array }
  | { readonly type: 'components'; readonly task: LinkTask; readonly next: Int32Array }
  | {
      readonly type: 'cores';
      readonly task: LinkTask;
      readonly wanted: CoresWantedState;
      readonly next: Int32Array;
    };

/** An answer of the thread: a report, or that no portion is left. */
export type CrewMessage =
  | { readonly type: 'report'; readonly report: LinkReport }
  | { readonly type: 'done'; readonly edgeClasses: EdgeClasses | null };

function tell(message: CrewMessage): void {
  parentPort?.postMessage(message);
}

function follow(order: CrewOrder): void {
  const take = takeFrom(order.next);
  if (order.type === 'distances') {
    atOnce(fillDistances(order.task, take));
    tell({ type: 'done', edgeClasses: null });
  } else if (order.type === 'components') {
    search(findComponents(order.task, take));
  } else {
    search(findCores(order.task, new CoresWanted(order.wanted, true), take));
  }
}

function search(reports: LinkSearch): void {
  for (;;) {
    const { done, value } = reports.next();
    if (done === true) {
      tell({ type: 'done', edgeClasses: value });
      return;
    }
    tell({ type: 'report', report: value });
  }
}

parentPort?.on('message', follow);
