import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NetworkHost } from './network.js';

/** A program that a host runs, and starts again whenever it ends, as an init system would. */
export interface Service {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** User and group to run as; root by default. */
  readonly uid?: number;
  readonly cwd?: string;
}

/** A network namespace with the processes in it. */
export interface Host {
  readonly network: NetworkHost;
  /** Of a service that runs; undefined otherwise. */
  pidOf(service: string): number | undefined;
  /** Whether an HTTP address on the host's own loopback answers that all is well. */
  answers(url: string): boolean;
  /** How often one of its services ended by itself and was started again. */
  readonly restarts: number;
  run(service: Service): void;
  /** Sends a signal to a service. It is started again when that ends it, unless it is `held`. */
  signal(service: string, signal: NodeJS.Signals): void;
  /** Ends a service by a signal, and waits until it is gone. It stays away until it is released. */
  hold(service: string, signal: NodeJS.Signals): Promise<void>;
  release(service: string): void;
  /** A power cut: the cable is dead before the processes are, so that nobody sees a connection close. */
  powerOff(): Promise<void>;
  powerOn(): void;
}

const RESTART_MS = 1000;

interface Kept {
  readonly service: Service;
  child: ChildProcess;
  held: boolean;
}

/** `logs` is a folder; each service appends to a file of its name there. */
export function createHost(network: NetworkHost, logs: string): Host {
  const services = new Map<string, Kept>();
  let restarts = 0;

  function start({ name, command, args, env, uid, cwd }: Service): ChildProcess {
    const log = openSync(join(logs, `${network.name}-${name}.log`), 'a');
    const identity =
      uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
    // A host name of its own: it is part of the identity that workers give Temporal.
    const inHost = ['sh', '-c', 'hostname "$0" && exec "$@"', network.name, ...identity, command, ...args];
    const child = spawn('ip', ['netns', 'exec', network.name, 'unshare', '--uts', ...inHost], {
      stdio: ['ignore', log, log],
      env: { ...env },
      ...(cwd === undefined ? {} : { cwd }),
      detached: true,
    });
    closeSync(log);
    child.once('exit', () => void restart(name, child));
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
    if (kept === undefined) throw new Error(`${network.name} has no service ${name}`);
    return kept;
  }

  async function hold(name: string, signal: NodeJS.Signals): Promise<void> {
    const kept = find(name);
    kept.held = true;
    kept.child.kill(signal);
    await goneOf(kept.child);
  }

  function release(name: string): void {
    const kept = find(name);
    kept.held = false;
    kept.child = start(kept.service);
  }

  return {
    network,
    pidOf: (service) => find(service).child.pid,
    answers(url) {
      const ask = `fetch(${JSON.stringify(url)}).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))`;
      const words = ['netns', 'exec', network.name, process.execPath, '-e', ask];
      return spawnSync('ip', words, { stdio: 'ignore' }).status === 0;
    },
    get restarts() {
      return restarts;
    },
    run(service) {
      services.set(service.name, { service, child: start(service), held: false });
    },
    signal: (service, signal) => void find(service).child.kill(signal),
    hold,
    release,
    async powerOff() {
      for (const kept of services.values()) kept.held = true;
      network.unplug();
      for (const pid of pidsOf(network.name)) kill(pid);
      await Promise.all([...services.values()].map(({ child }) => goneOf(child)));
    },
    powerOn() {
      network.plug();
      for (const name of services.keys()) release(name);
    },
  };
}

/** Every process of the namespace, those that services started as well. */
function pidsOf(namespace: string): number[] {
  const output = execFileSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' });
  return output.split('\n').filter(Boolean).map(Number);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone meanwhile.
  }
}

async function goneOf(child: ChildProcess): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) await sleep(10);
}
