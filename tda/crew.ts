import { compiledFile } from '../common/compiled-file.js';
import type { CrewMessage, CrewOrder } from './crew-thread.js';
import {
  CoresWanted,
  type DistanceTask,
  fillDistances,
  findComponents,
  findCores,
  type LinkReport,
  type LinkSearch,
  type LinkTask,
} from './crew-tasks.js';
import type { EdgeClasses } from './kernel.js';
import type { Pacer } from './pacer.js';
import { ThreadGroup } from './thread-group.js';

type OnReport = (report: LinkReport) => Promise<void>;

/** Does the work that threads can share: the calling thread alone, or threads of their own. */
export interface Crew {
  /** Allocates the memory for the arrays of the tasks. */
  readonly buffer: (bytes: number) => ArrayBuffer | SharedArrayBuffer;
  /** Resolves when every distance is written. */
  fillDistances(task: DistanceTask): Promise<void>;
  /** Fills in the representatives. Reports in order of rank, and waits for each `onReport`. */
  findComponents(task: LinkTask, onReport: OnReport): Promise<EdgeClasses>;
  /**
   * Call it when the components are found. `births` are the ranks of the edges that bear 2-classes, rising.
   * `isAnyAlive` says whether one lives after all edges reported so far.
   */
  findCores(
    task: LinkTask,
    births: Uint32Array,
    isAnyAlive: () => boolean,
    onReport: OnReport,
  ): Promise<EdgeClasses>;
  close(): Promise<void>;
}

function localCounter(): () => number {
  let next = 0;
  return () => next++;
}

/** Wraps `onReport`, so that the searching threads learn how far the pass is. */
function reportingProgress(wanted: CoresWanted, isAnyAlive: () => boolean, onReport: OnReport): OnReport {
  return async (report) => {
    await onReport(report);
    if (report.isLast) wanted.passed(report.portion + 1, isAnyAlive());
  };
}

/** The calling thread alone. It lets the event loop run. */
export function singleThreadCrew(pacer: Pacer): Crew {
  async function listen(reports: LinkSearch, onReport: OnReport): Promise<EdgeClasses> {
    for (;;) {
      const { done, value } = reports.next();
      if (done === true) return value;
      await pacer.spend(value.operations);
      await onReport(value);
    }
  }
  return {
    buffer: (bytes) => new ArrayBuffer(bytes),
    fillDistances: (task) => pacer.finish(fillDistances(task, localCounter())),
    findComponents: (task, onReport) => listen(findComponents(task, localCounter()), onReport),
    findCores(task, births, isAnyAlive, onReport) {
      const wanted = new CoresWanted({ progress: sharedCounter(), births, portion: task.portion }, false);
      return listen(findCores(task, wanted, localCounter()), reportingProgress(wanted, isAnyAlive, onReport));
    },
    close: () => Promise.resolve(),
  };
}

/** Threads of their own. The calling thread only waits, and gets the reports in order. */
export function threadCrew(size: number, signal: AbortSignal | undefined): Crew {
  const threads = new ThreadGroup<CrewOrder, CrewMessage>(compiledFile('tda/crew-thread.js'), size, signal);

  /** Gives all threads the same order. Resolves when all of them are done. */
  async function order(
    what: CrewOrder,
    onReport: (report: LinkReport) => void,
  ): Promise<(EdgeClasses | null)[]> {
    const done: (EdgeClasses | null)[] = [];
    await threads.order(what, (message) => {
      if (message.type === 'report') onReport(message.report);
      else done.push(message.edgeClasses);
      return message.type === 'done';
    });
    return done;
  }

  /** Passes the reports on in order of rank. */
  async function listen(
    what: CrewOrder & { readonly task: LinkTask },
    onReport: OnReport,
  ): Promise<EdgeClasses> {
    const { edges, portion: size } = what.task;
    const reports = new ReportQueue();
    const counts = order(what, (report) => reports.push(report));
    counts.catch((error: unknown) => reports.fail(error));
    for (let portion = 0; portion * size < edges.length; portion++) {
      let report: LinkReport;
      do {
        report = await reports.next(portion);
        await onReport(report);
      } while (!report.isLast);
    }
    return (await counts).reduce<EdgeClasses>(
      (total, some) => (some === null ? total : sum(total, some)),
      NONE,
    );
  }

  return {
    buffer: (bytes) => new SharedArrayBuffer(bytes),
    async fillDistances(task) {
      // Shared, so that a message to each thread does not copy the points.
      const points = new Float32Array(new SharedArrayBuffer(task.points.byteLength));
      points.set(task.points);
      await order({ type: 'distances', task: { ...task, points }, next: sharedCounter() }, () => undefined);
    },
    findComponents: (task, onReport) => listen({ type: 'components', task, next: sharedCounter() }, onReport),
    findCores(task, births, isAnyAlive, onReport) {
      const state = { progress: sharedCounter(), births, portion: task.portion };
      return listen(
        { type: 'cores', task, wanted: state, next: sharedCounter() },
        reportingProgress(new CoresWanted(state, false), isAnyAlive, onReport),
      );
    },
    close: () => threads.close(),
  };
}

const NONE: EdgeClasses = { empty: 0, cone: 0, connected: 0, disconnected: 0, cored: 0 };

function sharedCounter(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4));
}

function sum(a: EdgeClasses, b: EdgeClasses): EdgeClasses {
  return {
    empty: a.empty + b.empty,
    cone: a.cone + b.cone,
    connected: a.connected + b.connected,
    disconnected: a.disconnected + b.disconnected,
    cored: a.cored + b.cored,
  };
}

/** Keeps reports of several threads until the reader wants those of their portion. */
class ReportQueue {
  private readonly arrived = new Map<number, LinkReport[]>();
  private failure: { readonly error: unknown } | null = null;
  private look: () => void = () => undefined;

  push(report: LinkReport): void {
    const others = this.arrived.get(report.portion);
    if (others === undefined) this.arrived.set(report.portion, [report]);
    else others.push(report);
    this.look();
  }

  /** The awaited report will not come. */
  fail(error: unknown): void {
    this.failure = { error };
    this.look();
  }

  /** The next report of this portion. */
  async next(portion: number): Promise<LinkReport> {
    for (;;) {
      if (this.failure !== null) throw this.failure.error;
      const report = this.arrived.get(portion)?.shift();
      if (report?.isLast === true) this.arrived.delete(portion);
      if (report !== undefined) return report;
      await new Promise<void>((resume) => {
        this.look = resume;
      });
    }
  }
}
