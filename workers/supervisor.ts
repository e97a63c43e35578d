import { errorMessage } from '../experiment/errors.js';
import { spawn, type ChildProcess, type Serializable } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import { logSize, logTail, openLog } from './log-file.js';

const firstDelayMs = 200;
const longestDelayMs = 30_000;
const healthyAfterMs = 60_000;

export type SupervisorEvent =
  | { readonly kind: 'started'; readonly name: string; readonly pid: number; readonly restarts: number }
  | { readonly kind: 'ready'; readonly name: string; readonly pid: number }
  | { readonly kind: 'message'; readonly name: string; readonly pid: number; readonly message: Serializable }
  /** `how` says it in words: "ended with code 1", "was ended by SIGKILL", "cannot be started: …". */
  | {
      readonly kind: 'exited';
      readonly name: string;
      readonly pid: number | undefined;
      readonly how: string;
      readonly expected: boolean;
    }
  | { readonly kind: 'restarting'; readonly name: string; readonly delayMs: number };

export interface SuperviseOptions {
  /** For events and messages: "worker", "temporal server". */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Record<string, string>;
  readonly cwd?: string;
  /** Takes stdout and stderr of every incarnation, one after the other. */
  readonly logFile: string;
  /**
   * When an incarnation counts as ready: at its `reportReady()` ('message', which needs a Node child), or when the probe resolves.
   * The probe's signal is aborted when the process ends first. Without it a process is ready once it runs.
   */
  readonly ready?: 'message' | ((pid: number, signal: AbortSignal) => Promise<void>);
  /** Incarnations that may end before any was ever ready; then `ready` rejects and nothing is restarted. Default: no limit. */
  readonly startAttempts?: number;
  /** Default true: an IPC channel, by which a Node child learns that its supervisor is gone (`endWithParent`). */
  readonly ipc?: boolean;
  /** Between SIGTERM and SIGKILL when stopping; default 5 s. */
  readonly graceMs?: number;
  readonly onEvent?: (event: SupervisorEvent) => void;
}

export interface SupervisedProcess {
  readonly name: string;
  /** Of the running incarnation; undefined between two. */
  readonly pid: number | undefined;
  /** How many times it was started again. */
  readonly restarts: number;
  /** The first time that it is ready. Rejects when it never was: start attempts used up, or stopped before. */
  readonly ready: Promise<void>;
  /** SIGTERM, then SIGKILL to its whole process group after the grace time. Resolves when it is gone; may be called again. */
  stop(): Promise<void>;
}

/**
 * Keeps a child process alive: one that ends is started again, after 0.2 s doubling to 30 s, from the beginning of that scale
 * once it has lived for a minute. Each has a process group of its own, so that a terminal's Ctrl-C reaches only the supervisor,
 * and so that what a dead child leaves behind (model hosts) is ended before its successor starts.
 */
export function supervise(options: SuperviseOptions): SupervisedProcess {
  const supervised = new Supervised(options);
  supervised.start();
  return supervised;
}

class Supervised implements SupervisedProcess {
  readonly name: string;
  readonly ready: Promise<void>;
  restarts = 0;
  readonly #options: SuperviseOptions;
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  #restartTimer: NodeJS.Timeout | undefined;
  #quickFailures = 0;
  #wasReady = false;
  #stopping: Promise<void> | undefined;
  #markReady!: () => void;
  #failReady!: (error: Error) => void;

  constructor(options: SuperviseOptions) {
    this.name = options.name;
    this.#options = options;
    this.ready = new Promise((resolve, reject) => {
      this.#markReady = resolve;
      this.#failReady = reject;
    });
    // Whoever does not wait for readiness must not be ended by an unhandled rejection.
    this.ready.catch(() => undefined);
    endAtExit.add(this);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const { name, command, args, env, cwd, logFile, ipc = true } = this.#options;
    const logStart = logSize(logFile);
    const log = this.#openLog();
    const child = spawn(command, args, {
      env,
      ...(cwd === undefined ? {} : { cwd }),
      detached: true,
      stdio: ipc ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
    });
    if (log !== 'ignore') closeSync(log);
    this.#child = child;
    const startedAt = performance.now();
    const lifetime = new AbortController();
    let neverReady: string | undefined;
    this.#gone = new Promise((resolve) => {
      const ended = (how: string): void => {
        lifetime.abort();
        this.#child = undefined;
        signalGroup(child.pid, 'SIGKILL');
        this.#ended(child.pid, neverReady ?? how, performance.now() - startedAt, logStart);
        resolve();
      };
      child.once('error', (error) => {
        // Also emitted when a signal or a message could not be sent, which is no end.
        if (child.pid === undefined) ended(`cannot be started: ${error.message}`);
      });
      child.once('exit', (code, signal) =>
        ended(signal === null ? `ended with code ${code}` : `was ended by ${signal}`),
      );
    });
    if (child.pid !== undefined) {
      this.#emit({ kind: 'started', name, pid: child.pid, restarts: this.restarts });
      this.#watchReadiness(child, child.pid, lifetime.signal, (reason) => {
        // A process that runs but never becomes ready is of no use; ending it counts as a failed start.
        neverReady = `was ended because ${reason}`;
        signalGroup(child.pid, 'SIGKILL');
      });
    }
  }

  #openLog(): number | 'ignore' {
    const { name, logFile } = this.#options;
    try {
      const log = openLog(logFile);
      writeSync(
        log,
        `--- ${new Date().toISOString()} ${name} starts${this.restarts > 0 ? `, restart ${this.restarts}` : ''}\n`,
      );
      return log;
    } catch (error) {
      if (this.restarts === 0) throw error;
      // A full disk must not keep a dead child from being restarted, nor end the supervisor.
      return 'ignore';
    }
  }

  async stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    await this.#stopping;
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (child !== undefined) {
      const killer = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), this.#options.graceMs ?? 5000);
      child.kill('SIGTERM');
      await this.#gone;
      clearTimeout(killer);
    }
    endAtExit.delete(this);
    this.#failReady(new Error(`${this.name} was stopped before it was ready`));
  }

  #watchReadiness(
    child: ChildProcess,
    pid: number,
    signal: AbortSignal,
    giveUp: (reason: string) => void,
  ): void {
    const { name, ready } = this.#options;
    const isReady = (): void => {
      if (signal.aborted) return;
      this.#wasReady = true;
      this.#markReady();
      this.#emit({ kind: 'ready', name, pid });
    };
    child.on('message', (message) => {
      if (isReadyMessage(message)) {
        if (ready === 'message') isReady();
      } else this.#emit({ kind: 'message', name, pid, message });
    });
    if (ready === undefined) isReady();
    else if (typeof ready === 'function') {
      ready(pid, signal).then(isReady, (error: unknown) => {
        if (!signal.aborted) giveUp(errorMessage(error));
      });
    }
  }

  #ended(pid: number | undefined, how: string, livedMs: number, logStart: number): void {
    const { name, logFile, startAttempts = Infinity } = this.#options;
    const expected = this.#stopping !== undefined;
    this.#quickFailures = livedMs >= healthyAfterMs ? 0 : this.#quickFailures;
    this.#emit({ kind: 'exited', name, pid, how, expected });
    if (expected) return;
    if (!this.#wasReady && this.restarts + 1 >= startAttempts) {
      this.#failReady(new StartFailure(name, how, logFile, logTail(logFile, logStart)));
      this.#stopping = this.#stop();
      return;
    }
    const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** this.#quickFailures);
    this.#quickFailures++;
    this.#emit({ kind: 'restarting', name, delayMs });
    this.#restartTimer = setTimeout(() => {
      this.restarts++;
      this.start();
    }, delayMs);
  }

  #emit(event: SupervisorEvent): void {
    this.#options.onEvent?.(event);
  }
}

/** A supervisor that leaves by process.exit() or an uncaught error takes its children along. */
const endAtExit = new Set<SupervisedProcess>();
process.on('exit', () => {
  for (const { pid } of endAtExit) signalGroup(pid, 'SIGTERM');
});

/** The process ended before it was ready. The message ends with what it last wrote to its log. */
export class StartFailure extends Error {
  readonly logTail: string;
  constructor(name: string, how: string, logFile: string, logTail: string) {
    super(
      `${name} ${how} before it was ready. The end of ${logFile}:\n${logTail || '(nothing was written)'}`,
    );
    this.name = 'StartFailure';
    this.logTail = logTail;
  }
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody of the group is left.
  }
}

const readyMessage = { kind: 'panic-tda:ready' } as const;

function isReadyMessage(message: Serializable): boolean {
  return typeof message === 'object' && 'kind' in message && message.kind === readyMessage.kind;
}

/** On the child's side: tells the supervisor (if there is one) that work can begin. */
export function reportReady(): void {
  process.send?.(readyMessage);
}

/**
 * On the child's side: when the supervisor is gone, however it ended, runs `end` and leaves, after `graceMs` in any case. Does nothing in a
 * process that no supervisor started.
 */
export function endWithParent(end: () => void | Promise<void>, graceMs = 3000): void {
  if (process.send === undefined) return;
  const leave = (): void => {
    setTimeout(() => process.exit(1), graceMs).unref();
    void Promise.resolve()
      .then(end)
      .catch((error: unknown) => console.error(error))
      .then(() => process.exit(1));
  };
  if (!process.connected) leave();
  else {
    process.once('disconnect', leave);
    // A child that has finished its work should not be kept alive by the listener.
    process.channel?.unref();
  }
}
