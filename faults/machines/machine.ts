import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createKeeper, type Service } from '../common/keeper.js';
import type { NetworkHost } from './network.js';

/** A network namespace with the processes in it, which plays a machine. */
export interface Host {
  readonly network: NetworkHost;
  /** Of a service that runs; undefined otherwise. */
  pidOf(service: string): number | undefined;
  /** Whether an HTTP address on the host's own loopback answers with a good status. */
  answers(url: string): boolean;
  /** How often one of its services ended by itself and was started again. */
  readonly restarts: number;
  run(service: Service): void;
  /** Sends a signal to a service. A service that ends is started again, unless it is `held`. */
  signal(service: string, signal: NodeJS.Signals): void;
  /** Ends a service by a signal, and waits until it is gone. It stays away until it is released. */
  hold(service: string, signal: NodeJS.Signals): Promise<void>;
  release(service: string): void;
  /** A power cut. The cable goes before the processes, so that no peer sees a connection close. */
  powerOff(): Promise<void>;
  powerOn(): void;
}

/** `logs` is a folder; each service appends to a file of its name there. */
export function createHost(network: NetworkHost, logs: string): Host {
  const keeper = createKeeper(({ name, command, args, env, uid, cwd }: Service): ChildProcess => {
    const log = openSync(join(logs, `${network.name}-${name}.log`), 'a');
    const identity =
      uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
    // Each has a host name of its own, which is part of the identity that workers give Temporal.
    const inHost = ['sh', '-c', 'hostname "$0" && exec "$@"', network.name, ...identity, command, ...args];
    const child = spawn('ip', ['netns', 'exec', network.name, 'unshare', '--uts', ...inHost], {
      stdio: ['ignore', log, log],
      env: { ...env },
      ...(cwd === undefined ? {} : { cwd }),
      detached: true,
    });
    closeSync(log);
    return child;
  });

  return {
    network,
    pidOf: (service) => keeper.pidOf(service),
    answers(url) {
      const ask = `fetch(${JSON.stringify(url)}).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))`;
      const words = ['netns', 'exec', network.name, process.execPath, '-e', ask];
      return spawnSync('ip', words, { stdio: 'ignore' }).status === 0;
    },
    get restarts() {
      return keeper.restarts;
    },
    run: (service) => keeper.run(service),
    signal: (service, signal) => keeper.signal(service, signal),
    hold: async (service, signal) => void (await keeper.hold(service, signal)),
    release: (service) => keeper.release(service),
    async powerOff() {
      keeper.holdAll();
      network.unplug();
      for (const pid of pidsOf(network.name)) kill(pid);
      await keeper.gone();
    },
    powerOn() {
      network.plug();
      for (const name of keeper.names) keeper.release(name);
    },
  };
}

/** Every process of the namespace, also those that services started. */
function pidsOf(namespace: string): number[] {
  const output = execFileSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' });
  return output.split('\n').filter(Boolean).map(Number);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}
