import { Worker } from 'node:worker_threads';
import type {
  ComputedDiagram,
  DiagramComputer,
  DiagramRequest,
  DiagramSize,
} from '../../activities/index.js';
import { compiledFile } from '../../common/compiled-file.js';
import { PanicError } from '../../common/errors.js';
import { limitedMemoryBytes, usableCores, usableMemoryBytes } from '../../common/machine.js';
import { predictRipsMemory } from '../../tda/index.js';
import type { DiagramOrder, DiagramReply } from './protocol.js';

export interface DiagramPoolOptions {
  /** How many diagrams are computed at once. */
  readonly threads: number;
  /** Memory for all of them together; default `diagramMemoryBytes()`. */
  readonly memoryBytes?: number;
}

interface Job {
  readonly request: DiagramRequest;
  /** Memory that the diagram may take. */
  bytes: number;
  readonly onProgress: (done: number, of: number) => void;
  readonly signal: AbortSignal;
  readonly resolve: (diagram: ComputedDiagram) => void;
  readonly reject: (error: unknown) => void;
}

export interface DiagramPool extends DiagramComputer {
  close(): Promise<void>;
}

/** Memory for all diagrams of one worker, in bytes: half of the memory that the worker shares out. */
export function diagramMemoryBytes(): number {
  return usableMemoryBytes() / 2;
}

/** Predicted memory of a diagram on this machine, in bytes, with all cores at work on it. */
export function predictDiagramBytes(
  pointCount: number,
  maxDimension: 0 | 1 | 2,
  dimension = LARGEST_DIMENSION,
): number {
  return predictRipsMemory(pointCount, maxDimension, { threads: usableCores(), dimension });
}

/** What a user can do to give a worker more memory for diagrams. */
export function moreMemoryRemedy(): string {
  const limit = limitedMemoryBytes();
  return limit === null
    ? 'use a machine with more memory'
    : `allow the worker more than the ${mib(limit)} of its container or control group`;
}

/** The largest dimension among the embedding models in common use. */
const LARGEST_DIMENSION = 1024;

/**
 * Computes diagrams on worker threads, in the order of the requests, as many at once as threads and memory
 * allow. A thread stays for the next diagram. Aborting a diagram ends its thread, which frees the core at
 * once. A diagram that needs more memory than predicted (points whose distances are all alike) starts again,
 * alone, with all the memory.
 */
export function createDiagramPool({
  threads,
  memoryBytes = diagramMemoryBytes(),
}: DiagramPoolOptions): DiagramPool {
  const waiting: Job[] = [];
  const idle: Worker[] = [];
  const busy = new Map<Worker, Job>();
  let closed = false;

  function requireMemory({ pointCount, dimension, maxDimension, isSurrogate }: DiagramSize): void {
    const bytes = predictDiagramBytes(pointCount, maxDimension, dimension);
    if (bytes <= memoryBytes) return;
    const [what, without] = isSurrogate
      ? ['the diagram of a surrogate', 'leave out null_model, ']
      : ['the diagram', ''];
    const remedy = `${without}lower max_dimension or max_length, or ${moreMemoryRemedy()}`;
    throw new PanicError(
      'ResourceLimit',
      `${what} of ${pointCount} points up to dimension ${maxDimension} needs about ${mib(bytes)}; ` +
        `this worker may use ${mib(memoryBytes)}: ${remedy}`,
    );
  }

  function compute(
    request: DiagramRequest,
    onProgress: (done: number, of: number) => void,
    signal: AbortSignal,
  ): Promise<ComputedDiagram> {
    const pointCount = request.points.length / request.dimension;
    const { maxDimension, dimension } = request;
    requireMemory({ pointCount, dimension, maxDimension, isSurrogate: request.surrogate !== null });
    const bytes = predictDiagramBytes(pointCount, maxDimension, dimension);
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      waiting.push({ request, bytes, onProgress, signal, resolve, reject });
      signal.addEventListener('abort', onAbort);
      dispatch();
    });
  }

  /**
   * Ends the jobs whose signal was raised. The listener does not know its job, so it looks at all of them.
   */
  function onAbort(): void {
    for (const job of waiting.filter(({ signal }) => signal.aborted)) {
      waiting.splice(waiting.indexOf(job), 1);
      job.reject(job.signal.reason);
    }
    for (const [thread, job] of busy) {
      if (!job.signal.aborted) continue;
      busy.delete(thread);
      // An answer that is under way would mark the thread as idle, and the next job would end with it.
      thread.removeAllListeners('message');
      void thread.terminate();
      job.reject(job.signal.reason);
    }
    dispatch();
  }

  function dispatch(): void {
    if (closed) return;
    while (waiting.length > 0 && busy.size < threads) {
      const used = [...busy.values()].reduce((sum, job) => sum + job.bytes, 0);
      if (used + waiting[0]!.bytes > memoryBytes) return;
      const job = waiting.shift()!;
      const thread = idle.pop() ?? startThread();
      busy.set(thread, job);
      thread.ref();
      // A diagram that has the machine for itself may use all threads.
      const isAlone = busy.size === 1 && waiting.length === 0;
      const order: DiagramOrder = {
        ...job.request,
        threads: isAlone ? threads : 1,
        memoryBytes: job.bytes,
      };
      thread.postMessage(order);
    }
  }

  function startThread(): Worker {
    const thread = new Worker(compiledFile('workers/diagrams/thread.js'), {
      execArgv: [],
      env: {},
    });
    let failure = '';
    thread.on('message', (reply: DiagramReply) => onReply(thread, reply));
    thread.on('error', (error) => {
      failure = `: ${error.message}`;
    });
    thread.on('exit', () => {
      const job = take(thread);
      const at = idle.indexOf(thread);
      if (at >= 0) idle.splice(at, 1);
      job?.reject(new PanicError('DeviceError', `the diagram's thread ended${failure}`));
      dispatch();
    });
    return thread;
  }

  function onReply(thread: Worker, reply: DiagramReply): void {
    if (reply.type === 'progress') {
      busy.get(thread)?.onProgress(reply.done, reply.of);
      return;
    }
    const job = take(thread);
    thread.unref();
    idle.push(thread);
    if (job !== undefined) settle(job, reply);
    dispatch();
  }

  function settle(job: Job, reply: Exclude<DiagramReply, { type: 'progress' }>): void {
    if (reply.type === 'computed') {
      job.resolve(reply.diagram);
    } else if (reply.kind === 'ResourceLimit' && job.bytes < memoryBytes) {
      job.bytes = memoryBytes;
      waiting.unshift(job);
      job.signal.addEventListener('abort', onAbort);
    } else {
      job.reject(reply.kind === null ? new Error(reply.message) : new PanicError(reply.kind, reply.message));
    }
  }

  function take(thread: Worker): Job | undefined {
    const job = busy.get(thread);
    busy.delete(thread);
    job?.signal.removeEventListener('abort', onAbort);
    return job;
  }

  async function close(): Promise<void> {
    closed = true;
    const error = new PanicError('DeviceError', 'the worker is closing');
    for (const job of waiting.splice(0)) job.reject(error);
    await Promise.all([...idle, ...busy.keys()].map((thread) => thread.terminate()));
  }

  return { requireMemory, compute, close };
}

function mib(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
