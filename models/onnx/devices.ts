import { execFile, fork } from 'node:child_process';
import { promisify } from 'node:util';
import { compiledFile } from '../../experiment/compiled-file.js';
import { PanicError } from '../../experiment/errors.js';
import type { Device } from '../loaded-model.js';

/** The devices that models can be computed on, in the order in which `auto` tries them. */
export const DEVICES = ['cuda', 'webgpu', 'cpu'] as const satisfies readonly Device[];

export type DeviceChoice = 'auto' | Device;
export const DEVICE_CHOICES: readonly DeviceChoice[] = ['auto', ...DEVICES];

export interface DeviceTrial {
  readonly device: Device;
  /** Why it does not work; null where it does. */
  readonly reason: string | null;
}

// The first use of a GPU may compile its kernels.
const TRIAL_MS = 60_000;
const STDERR_TAIL_CHARACTERS = 1000;

const trials = new Map<Device, Promise<DeviceTrial>>();

/**
 * Tries a device by running a tiny graph on it, in a process of its own, since drivers crash; the outcome is kept for as long
 * as this process lives.
 */
export function tryDevice(device: Device): Promise<DeviceTrial> {
  const known = trials.get(device) ?? runTrial(device);
  trials.set(device, known);
  return known;
}

/** Tries a device again, for whoever has changed something about it. */
export function tryDeviceAgain(device: Device): Promise<DeviceTrial> {
  trials.delete(device);
  return tryDevice(device);
}

function runTrial(device: Device): Promise<DeviceTrial> {
  return new Promise((resolve) => {
    const child = fork(compiledFile(import.meta.url, 'device-main.js'), [device], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      timeout: TRIAL_MS,
      killSignal: 'SIGKILL',
    });
    let tail = '';
    let told: string | null | undefined;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-STDERR_TAIL_CHARACTERS);
    });
    child.on('message', (reason) => {
      told = reason as string | null;
    });
    child.on('error', (error) => resolve({ device, reason: `it could not be tried: ${error.message}` }));
    child.on('close', (code, signal) => {
      const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
      const crashed = `the process that tried it ${how}: ${tail.trim() || 'it said nothing'}`;
      const reason = told === undefined ? crashed : told;
      resolve({ device, reason: reason === null ? null : explained(reason, tail) });
    });
  });
}

/** In one line. The runtime logs which library it cannot load, and its error does not say. */
function explained(reason: string, log: string): string {
  const library = /with error: ([^\n]+)/.exec(log)?.[1];
  return (library === undefined ? reason : `${reason} (${library})`).replaceAll(/\s+/g, ' ').trim();
}

/**
 * The device to compute on: the first that works of `auto`'s, or the one that was chosen. Throws PanicError `InvalidInput` where
 * the chosen one does not work and `allowFallback` does not let `auto` choose instead.
 */
export async function chooseDevice(choice: DeviceChoice, allowFallback: boolean): Promise<Device> {
  const failed: DeviceTrial[] = [];
  for (const device of choice === 'auto' ? DEVICES : [choice]) {
    const trial = await tryDevice(device);
    if (trial.reason === null) return device;
    failed.push(trial);
  }
  if (choice !== 'auto' && allowFallback) return await chooseDevice('auto', false);
  const reasons = failed.map(({ device, reason }) => `${device} does not work here: ${reason}`);
  const advice = choice === 'cuda' ? '"panic-tda setup cuda" gets what is missing; ' : '';
  throw new PanicError(
    'InvalidInput',
    `${reasons.join('\n')}\n${advice}--device auto takes what works, and so does --allow-fallback`,
  );
}

/** Memory of the first GPU, MiB, as its driver tells; null where that is not known. */
export async function gpuMemoryMiB(device: Device): Promise<number | null> {
  if (device !== 'cuda') return null;
  const query = ['--query-gpu=memory.total', '--format=csv,noheader,nounits'];
  const { stdout } = await promisify(execFile)('nvidia-smi', query).catch(() => ({ stdout: '' }));
  const first = Number.parseInt(stdout, 10);
  return Number.isFinite(first) ? first : null;
}
