import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** A program that is kept running. */
export interface Service {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** User and group to run as; default: those of this process. */
  readonly uid?: number;
  readonly cwd?: string;
}

/** How a process ended: by a code or by a signal. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Starts services again a second after they ended, as an init system would. */
export interface Keeper {
  readonly names: readonly string[];
  /** Of a service that runs; undefined otherwise. */
  pidOf(service: string): number | undefined;
  /** How often a service ended, by itself or by a signal, and was started again. */
  readonly restarts: number;
  run(service: Service): void;
  /** Sends a signal to a service. A service that ends is started again, unless it is `held`. */
  signal(service: string, signal: NodeJS.Signals): void;
  /**
   * Ends a service by a signal, and waits until it is gone. It stays away until it is released. Null if it
   * has not ended after `limitMs`: then it still runs, and is not started again.
   */
  hold(service: string, signal: NodeJS.Signals, limitMs?: number): Promise<Ending | null>;
  /** From now on no service is started again, whatever ends it. */
  holdAll(): void;
  /** Starts a service that was held, if it is gone. */
  release(service: string): void;
  /** Resolves when every service is gone. */
  gone(): Promise<void>;
}

const RESTART_MS = 1000;

interface Kept {
  readonly service: Service;
  child: ChildProcess;
  held: boolean;
}

/** `launch` starts a process of a service. */
export function createKeeper(launch: (service: Service) => ChildProcess): Keeper {
  const services = new Map<string, Kept>();
  let restarts = 0;

  function start(service: Service): ChildProcess {
    const child = launch(service);
    child.once('exit', () => void restart(service.name, child));
    return child;
  }

  async function restart(name: string, child: ChildProcess): Promise<void> {
    await sleep(RESTART_MS);
    const kept = services.get(name);
    if (kept === undefined || kept.held || kept.child !== child) return;
    restarts++;
    kept.child = start(kept.service);
  }

  function find(name: string): Kept {
    const kept = services.get(name);
    if (kept === undefined) throw new Error(`there is no service ${name}`);
    return kept;
  }

  return {
    get names() {
      return [...services.keys()];
    },
    pidOf(service) {
      const { child } = find(service);
      return hasEnded(child) ? undefined : child.pid;
    },
    get restarts() {
      return restarts;
    },
    run(service) {
      services.set(service.name, { service, child: start(service), held: false });
    },
    signal: (service, signal) => void find(service).child.kill(signal),
    async hold(service, signal, limitMs = Infinity) {
      const kept = find(service);
      kept.held = true;
      kept.child.kill(signal);
      return await endingOf(kept.child, limitMs);
    },
    holdAll() {
      for (const kept of services.values()) kept.held = true;
    },
    release(service) {
      const kept = find(service);
      kept.held = false;
      if (hasEnded(kept.child)) kept.child = start(kept.service);
    },
    async gone() {
      await Promise.all([...services.values()].map(({ child }) => endingOf(child, Infinity)));
    },
  };
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Null if the process has not ended after `limitMs`. */
export async function endingOf(child: ChildProcess, limitMs: number): Promise<Ending | null> {
  const deadline = performance.now() + limitMs;
  while (!hasEnded(child)) {
    if (performance.now() > deadline) return null;
    await sleep(10);
  }
  return { code: child.exitCode, signal: child.signalCode };
}
