import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** What a bad cable does to each frame, in either direction. */
export interface CableQuality {
  readonly delayMs: number;
  /** By how much the delay may be shorter or longer. */
  readonly jitterMs: number;
  /** Share of the frames that never arrive, 0 to 1. */
  readonly loss: number;
}

export interface CableCount {
  readonly frames: number;
  readonly dropped: number;
}

/** A network namespace on the switch. */
export interface NetworkHost {
  /** Name of the namespace, and host name in it. */
  readonly name: string;
  readonly address: string;
  /** Pulls the cable. Frames on their way are lost, and neither end gets a message about it. */
  unplug(): void;
  plug(): void;
  /**
   * Puts a bad cable between the host and the switch until `end` is called, which returns what went through
   * it.
   */
  useBadCable(quality: CableQuality): Promise<{ end(): Promise<CableCount> }>;
}

export interface Network {
  /** Address of the switch itself, where the script and its clients are. */
  readonly address: string;
  /** In CIDR notation. */
  readonly subnet: string;
  addHost(name: string): NetworkHost;
}

const SUBNET = '10.77.0';
const SWITCH = 'switch';

/**
 * Makes the present namespace a switch: a bridge with an address of its own, and a veth pair to each host.
 * The caller has to be in a fresh network namespace with its own mount namespace: nothing here is undone, all
 * of it ends with them.
 *
 * `cable` is the program made of cable.go.
 */
export function createNetwork(cable: string): Network {
  const names = '/run/netns';
  execFileSync('mkdir', ['-p', names]);
  // Hides the machine's own named namespaces, in this mount namespace only.
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', names]);
  const address = `${SUBNET}.1`;
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', SWITCH, 'type', 'bridge');
  ip('addr', 'add', `${address}/24`, 'dev', SWITCH);
  ip('link', 'set', SWITCH, 'up');
  let last = 1;
  return {
    address,
    subnet: `${SUBNET}.0/24`,
    addHost(name) {
      last++;
      return addHost({ name, address: `${SUBNET}.${last}`, port: `port${last}`, number: last, cable });
    },
  };
}

interface DeviceSettings {
  readonly name: string;
  readonly address: string;
  readonly port: string;
  readonly number: number;
  readonly cable: string;
}

function addHost({ name, address, port, number, cable }: DeviceSettings): NetworkHost {
  ip('netns', 'add', name);
  ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
  ip('link', 'set', port, 'master', SWITCH, 'up');
  const within = ['-n', name];
  ip(...within, 'link', 'set', 'lo', 'up');
  ip(...within, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
  ip(...within, 'link', 'set', 'eth0', 'up');
  return {
    name,
    address,
    unplug: () => ip('link', 'set', port, 'down'),
    plug: () => ip('link', 'set', port, 'up'),
    async useBadCable({ delayMs, jitterMs, loss }) {
      const [near, far, bridge] = [`near${number}`, `far${number}`, `bend${number}`];
      const words = ['-a', near, '-b', far, '-delay', `${delayMs}ms`, '-jitter', `${jitterMs}ms`];
      const child = spawn(cable, [...words, '-loss', String(loss), '-seed', String(number)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const first = await lines.next();
      if (first.done === true || first.value !== 'ready') throw new Error('the bad cable did not start');
      ip('link', 'add', bridge, 'type', 'bridge');
      ip('link', 'set', bridge, 'up');
      ip('link', 'set', near, 'master', bridge, 'up');
      ip('link', 'set', far, 'master', SWITCH, 'up');
      ip('link', 'set', port, 'master', bridge);
      return {
        async end() {
          ip('link', 'set', port, 'master', SWITCH);
          const ended = once(child, 'exit');
          child.kill('SIGTERM');
          const { value } = await lines.next();
          await ended;
          ip('link', 'del', bridge);
          return JSON.parse(String(value));
        },
      };
    },
  };
}

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}
