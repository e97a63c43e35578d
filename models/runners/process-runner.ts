import { type ChildProcess, fork } from 'node:child_process';
import { childEnvironment } from '../../common/child-environment.js';
import { compiledFile } from '../../common/compiled-file.js';
import { endChild } from '../../common/end-child.js';
import type { RunnerTask } from '../loaded-model.js';
import { lastWords } from '../onnx/runtime-words.js';
import { failureError } from './runner-protocol.js';
import type { BatchRequest, ComputedBatch, ProcessMessage } from './process-protocol.js';

const STDERR_TAIL_CHARACTERS = 16_384;
const LAST_WORDS_CHARACTERS = 500;

/** The process has ended, by request or not. The message completes the sentence "the process of X ...". */
export class RunnerEnded extends Error {
  override name = 'RunnerEnded';
}

/** A process that loads one model and computes one batch at a time. A native crash or leak ends this process only. */
export interface ProcessRunner {
  readonly processId: number | undefined;
  /** Resolves when the model is loaded. Rejects with the loader's PanicError, or with RunnerEnded. */
  readonly loaded: Promise<void>;
  /** Resolves with the reason when the process has ended. */
  readonly ended: Promise<RunnerEnded>;
  /** Rejects with what the model throws, or with RunnerEnded. */
  compute(request: BatchRequest): Promise<ComputedBatch>;
  /**
   * Sets whether the process keeps its parent running: a process that loads or works does, and an idle one does
   * not.
   */
  keepAlive(keep: boolean): void;
  /** Ends the process at once. Resolves when it has ended. */
  stop(): Promise<void>;
}

interface Settle<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** Starts the process of a model. Its first argument is the task as JSON. */
export function startProcessRunner(task: RunnerTask): ProcessRunner {
  const child = fork(compiledFile('models/runners/process-main.js'), [JSON.stringify(task)], {
    serialization: 'advanced',
    execArgv: [],
    env: childEnvironment('runner'),
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let loading: Settle<void> | null = null;
  let computing: Settle<ComputedBatch> | null = null;
  const loaded = new Promise<void>((resolve, reject) => (loading = { resolve, reject }));
  let over: RunnerEnded | null = null;
  const ended = endOf(child).then((reason) => {
    over = reason;
    loading?.reject(reason);
    computing?.reject(reason);
    return reason;
  });
  child.on('message', (told: ProcessMessage) => {
    if (told.kind === 'loaded') loading?.resolve();
    else if (told.kind === 'not-loaded') loading?.reject(failureError(told.failure));
    else if (told.kind === 'computed') computing?.resolve(told.batch);
    else computing?.reject(failureError(told.failure));
  });
  return {
    processId: child.pid,
    loaded,
    ended,
    compute: async (request) => {
      if (over !== null) throw over;
      const answer = new Promise<ComputedBatch>((resolve, reject) => (computing = { resolve, reject }));
      // A failed send means that the process is ending, which `ended` reports.
      child.send(request, () => {});
      return await answer;
    },
    keepAlive: (keep) => keepAlive(child, keep),
    stop: async () => {
      keepAlive(child, true);
      endChild(child);
      await ended;
    },
  };
}

/** Also waits for the last words on standard error, where the native libraries say why they fail. */
function endOf(child: ChildProcess): Promise<RunnerEnded> {
  let tail = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-STDERR_TAIL_CHARACTERS);
  });
  return new Promise((resolve) => {
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(new RunnerEnded(`did not start: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      const how = signal === null ? `with code ${code}` : `by ${signal}`;
      const words = lastWords(tail, LAST_WORDS_CHARACTERS);
      const said = words === '' ? '' : `; it said: ${words}`;
      resolve(new RunnerEnded(`ended ${how}${said}`));
    });
  });
}

/** An idle runner must not keep its parent running. The process, its channel and its pipe each would. */
function keepAlive(child: ChildProcess, keep: boolean): void {
  const stderr = child.stderr as (NodeJS.ReadableStream & { ref?(): void; unref?(): void }) | null;
  if (keep) {
    child.ref();
    child.channel?.ref();
    stderr?.ref?.();
  } else {
    child.unref();
    child.channel?.unref();
    stderr?.unref?.();
  }
}
