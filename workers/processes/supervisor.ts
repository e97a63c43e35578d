import { errorMessage, PanicError } from '../../common/errors.js';
import { withoutSecrets } from '../../common/secrets.js';
import { visible } from '../../common/text.js';
import { spawn, type ChildProcess, type Serializable } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import { inspect } from 'node:util';
import { boundOpenLog, logSize, logTail, openLog } from './log-file.js';

const firstDelayMs = 200;
const longestDelayMs = 30_000;
const healthyAfterMs = 60_000;
/** Time between two looks at the size of a log. */
const LOG_CHECK_MS = 60_000;

export type SupervisorEvent =
  | { readonly kind: 'started'; readonly name: string; readonly pid: number; readonly restarts: number }
  | { readonly kind: 'ready'; readonly name: string; readonly pid: number }
  | { readonly kind: 'message'; readonly name: string; readonly pid: number; readonly message: Serializable }
  /** `how` is in words: "ended with code 1", "was ended by SIGKILL", "cannot be started: …". */
  | {
      readonly kind: 'exited';
      readonly name: string;
      readonly pid: number | undefined;
      readonly how: string;
      readonly expected: boolean;
    }
  | { readonly kind: 'restarting'; readonly name: string; readonly delayMs: number };

export interface SuperviseOptions {
  /** Name for events and messages: "worker", "temporal server". */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The arguments of each later incarnation; default: the same. Must not reject. */
  readonly nextArgs?: () => Promise<readonly string[]>;
  readonly env: Record<string, string>;
  readonly cwd?: string;
  /** File for stdout and stderr of all incarnations, one after the other. */
  readonly logFile: string;
  /**
   * When an incarnation counts as ready: at its `reportReady()` ('message', which needs a Node child), or
   * when the probe resolves. The probe's signal is aborted if the process ends first. Default: as soon as the
   * process runs.
   */
  readonly ready?: 'message' | ((pid: number, signal: AbortSignal) => Promise<void>);
  /** How many incarnations may end before any was ready; then the supervisor gives up. Default: no limit. */
  readonly startAttempts?: number;
  /**
   * How many incarnations in a row may end before they are ready, after an earlier one was ready; then the
   * supervisor gives up. Default: no limit.
   */
  readonly restartAttempts?: number;
  /**
   * An IPC channel, by which a Node child learns that its supervisor is gone (`endWithParent`). Default:
   * true.
   */
  readonly ipc?: boolean;
  /** Time between SIGTERM and SIGKILL when stopping; default 5 s. */
  readonly graceMs?: number;
  readonly onEvent?: (event: SupervisorEvent) => void;
}

export interface SupervisedProcess {
  readonly name: string;
  /** Of the running incarnation; undefined between two incarnations. */
  readonly pid: number | undefined;
  /** How many times it was started again. */
  readonly restarts: number;
  /**
   * Resolves the first time that the process is ready. Rejects if it never was: the supervisor gave up, or
   * was stopped before.
   */
  readonly ready: Promise<void>;
  /**
   * Never resolves. Rejects when the supervisor gives up: with PanicError `InvalidInput` if the process said
   * by `reportUnable` that it can never work, with StartFailure if it ended too often before it was ready.
   */
  readonly givenUp: Promise<never>;
  /**
   * Sends SIGTERM, and SIGKILL to the whole process group after the grace time. Resolves when the process is
   * gone; may be called again.
   */
  stop(): Promise<void>;
}

/**
 * Keeps a child process alive. A child that ends is started again after 0.2 s; each later pause is twice as
 * long, up to 30 s. The pauses begin again at 0.2 s once a child has lived for a minute. Each child has a
 * process group of its own: a terminal's Ctrl-C then reaches the supervisor only, and the supervisor ends
 * what a dead child leaves behind (processes of models) before it starts the next one.
 */
export function supervise(options: SuperviseOptions): SupervisedProcess {
  const supervised = new Supervised(options);
  supervised.start();
  return supervised;
}

class Supervised implements SupervisedProcess {
  readonly name: string;
  readonly ready: Promise<void>;
  readonly givenUp: Promise<never>;
  restarts = 0;
  readonly #options: SuperviseOptions;
  #args: readonly string[];
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  #restartTimer: NodeJS.Timeout | undefined;
  readonly #logTimer: NodeJS.Timeout;
  #quickFailures = 0;
  #wasReady = false;
  /** Of the running incarnation, or of the last one. */
  #isReady = false;
  /** Incarnations in a row that ended before they were ready. */
  #failedStarts = 0;
  #stopping: Promise<void> | undefined;
  #markReady!: () => void;
  #failReady!: (error: Error) => void;
  #giveUp!: (error: Error) => void;

  constructor(options: SuperviseOptions) {
    this.name = options.name;
    this.#options = options;
    this.#args = options.args;
    this.ready = new Promise((resolve, reject) => {
      this.#markReady = resolve;
      this.#failReady = reject;
    });
    this.givenUp = new Promise((_, reject) => {
      this.#giveUp = reject;
    });
    // A caller may wait for neither; its process must not end by an unhandled rejection.
    this.ready.catch(() => undefined);
    this.givenUp.catch(() => undefined);
    endAtExit.add(this);
    this.#logTimer = setInterval(() => boundIfPossible(options.logFile), LOG_CHECK_MS).unref();
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const { name, command, env, cwd, logFile, ipc = true } = this.#options;
    const logStart = logSize(logFile);
    const log = this.#openLog();
    const child = spawn(command, this.#args, {
      env,
      ...(cwd === undefined ? {} : { cwd }),
      detached: true,
      stdio: ipc ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
    });
    if (log !== 'ignore') closeSync(log);
    this.#child = child;
    this.#isReady = false;
    const startedAt = performance.now();
    const lifetime = new AbortController();
    let neverReady: string | undefined;
    let unable: string | undefined;
    child.on('message', (message) => {
      if (isUnableMessage(message)) unable = message.reason;
    });
    this.#gone = new Promise((resolve) => {
      const ended = (how: string): void => {
        lifetime.abort();
        this.#child = undefined;
        signalGroup(child.pid, 'SIGKILL');
        const livedMs = performance.now() - startedAt;
        this.#ended({ pid: child.pid, how: neverReady ?? how, unable, livedMs, logStart });
        resolve();
      };
      child.once('error', (error) => {
        // Node also emits 'error' if it could not send a signal or a message; the process has not ended then.
        if (child.pid === undefined) ended(`cannot be started: ${error.message}`);
      });
      child.once('exit', (code, signal) =>
        ended(signal === null ? `ended with code ${code}` : `${KILLED}${signal}`),
      );
    });
    if (child.pid !== undefined) {
      this.#emit({ kind: 'started', name, pid: child.pid, restarts: this.restarts });
      this.#watchReadiness(child, child.pid, lifetime.signal, (reason) => {
        // A process that never becomes ready is of no use. Ending it counts as a failed start.
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
      // A full disk must neither keep a dead child from being started again, nor end the supervisor.
      return 'ignore';
    }
  }

  async stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    await this.#stopping;
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#restartTimer);
    clearInterval(this.#logTimer);
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
      this.#isReady = true;
      this.#markReady();
      this.#emit({ kind: 'ready', name, pid });
    };
    child.on('message', (message) => {
      if (isReadyMessage(message)) {
        if (ready === 'message') isReady();
      } else if (!isUnableMessage(message)) this.#emit({ kind: 'message', name, pid, message });
    });
    if (ready === undefined) isReady();
    else if (typeof ready === 'function') {
      ready(pid, signal).then(isReady, (error: unknown) => {
        if (!signal.aborted) giveUp(errorMessage(error));
      });
    }
  }

  #ended({ pid, how, unable, livedMs, logStart }: Ending): void {
    const { name, logFile, startAttempts = Infinity, restartAttempts = Infinity } = this.#options;
    const expected = this.#stopping !== undefined;
    this.#quickFailures = livedMs >= healthyAfterMs ? 0 : this.#quickFailures;
    this.#emit({ kind: 'exited', name, pid, how, expected });
    if (expected) return;
    this.#failedStarts = this.#isReady ? 0 : this.#failedStarts + 1;
    const failure =
      unable !== undefined
        ? new PanicError('InvalidInput', `${name} cannot work: ${unable}`)
        : this.#failedStarts >= (this.#wasReady ? restartAttempts : startAttempts)
          ? new StartFailure(name, how, logFile, logTail(logFile, logStart))
          : null;
    if (failure !== null) {
      this.#giveUp(failure);
      this.#failReady(failure);
      this.#stopping = this.#stop();
      return;
    }
    const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** this.#quickFailures);
    this.#quickFailures++;
    this.#emit({ kind: 'restarting', name, delayMs });
    this.#restartTimer = setTimeout(() => void this.#restart(), delayMs);
  }

  async #restart(): Promise<void> {
    if (this.#options.nextArgs !== undefined) this.#args = await this.#options.nextArgs();
    if (this.#stopping !== undefined) return;
    this.restarts++;
    this.start();
  }

  #emit(event: SupervisorEvent): void {
    this.#options.onEvent?.(event);
  }
}

/** A full disk must not end the supervisor. The log then grows, or cannot. */
function boundIfPossible(logFile: string): void {
  try {
    boundOpenLog(logFile);
  } catch {
    // The next look tries again.
  }
}

const KILLED = 'was ended by ';

/** How an incarnation ended. */
interface Ending {
  readonly pid: number | undefined;
  readonly how: string;
  /** The reason that it gave by `reportUnable`. */
  readonly unable: string | undefined;
  readonly livedMs: number;
  readonly logStart: number;
}

/** Supervised processes that end with this one, if it leaves by process.exit() or an uncaught error. */
const endAtExit = new Set<SupervisedProcess>();
process.on('exit', () => {
  for (const { pid } of endAtExit) signalGroup(pid, 'SIGTERM');
});

/** The process ended before it was ready. The message ends with the last lines of its log. */
export class StartFailure extends Error {
  readonly logTail: string;
  /** Whether a signal that was not ours ended it. */
  readonly killed: boolean;
  constructor(name: string, how: string, logFile: string, logTail: string) {
    super(
      `${name} ${how} before it was ready. The end of ${logFile}:\n${logTail || '(nothing was written)'}`,
    );
    this.name = 'StartFailure';
    this.logTail = logTail;
    this.killed = how.startsWith(KILLED);
  }
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has no process any more.
  }
}

const readyMessage = { kind: 'panic-tda:ready' } as const;

function isReadyMessage(message: Serializable): boolean {
  return typeof message === 'object' && 'kind' in message && message.kind === readyMessage.kind;
}

interface UnableMessage {
  readonly kind: 'panic-tda:unable';
  readonly reason: string;
}

function isUnableMessage(message: Serializable): message is UnableMessage & object {
  return typeof message === 'object' && 'kind' in message && message.kind === 'panic-tda:unable';
}

/** In the child: tells the supervisor (if there is one) why starting this process again would not help. */
export async function reportUnable(reason: string): Promise<void> {
  const message: UnableMessage = { kind: 'panic-tda:unable', reason };
  await new Promise<void>((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, () => resolve());
  });
}

/** In the child: tells the supervisor (if there is one) that work can begin. */
export function reportReady(): void {
  process.send?.(readyMessage);
}

/**
 * In the child: when the supervisor is gone, however it ended, runs `end` and leaves, after `graceMs` at the
 * latest. Does nothing in a process that no supervisor started.
 */
export function endWithParent(end: () => void | Promise<void>, graceMs = 3000): void {
  if (process.send === undefined) return;
  const leave = (): void => {
    setTimeout(() => process.exit(1), graceMs).unref();
    void Promise.resolve()
      .then(end)
      .catch((error: unknown) => void process.stderr.write(`${visible(withoutSecrets(inspect(error)))}\n`))
      .then(() => process.exit(1));
  };
  if (!process.connected) leave();
  else {
    process.once('disconnect', leave);
    // The listener must not keep a child alive that has finished its work.
    process.channel?.unref();
  }
}
