import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { childEnvironment } from '../../common/child-environment.js';
import { PanicError } from '../../common/errors.js';
import { type DeviceChoice, DEVICES } from '../choices.js';
import type { Device } from '../loaded-model.js';
import { type DeviceTrial, runTrial } from './device-trial.js';

export type { DeviceTrial } from './device-trial.js';

export { DEVICE_CHOICES, type DeviceChoice, DEVICES } from '../choices.js';

const trials = new Map<Device, Promise<DeviceTrial>>();

/**
 * Tries a device with a tiny graph, in a process of its own. The result of a device that works is kept while this
 * process lives. A device that does not work is tried again for the next caller, since the missing part may have
 * come meanwhile. Callers that ask at the same time share a trial. Never rejects.
 */
export function tryDevice(device: Device): Promise<DeviceTrial> {
  const known = trials.get(device);
  if (known !== undefined) return known;
  const trial = runTrial(device);
  trials.set(device, trial);
  void forgetFailure(device, trial);
  return trial;
}

async function forgetFailure(device: Device, trial: Promise<DeviceTrial>): Promise<void> {
  const { reason } = await trial;
  if (reason !== null && trials.get(device) === trial) trials.delete(device);
}

/** Tries a device again, after its installation has changed. */
export function tryDeviceAgain(device: Device): Promise<DeviceTrial> {
  trials.delete(device);
  return tryDevice(device);
}

/** The device that computes models, and why no faster one does. */
export interface DeviceDecision {
  readonly device: Device;
  /**
   * Faster devices that `auto` did not take, with the reason for each in one sentence. Empty where the user chose a
   * device by name.
   */
  readonly passedOver: readonly { readonly device: Device; readonly reason: string }[];
  /** Where the user chose a device by name: why `auto` would not take it, as a clause. Otherwise null. */
  readonly warning: string | null;
}

/**
 * Decides which device computes: the user's choice, or for `auto` the first device that works. `auto` takes no
 * device whose driver computes on the processor, and none for which that is unknown. Throws PanicError
 * `InvalidInput` where the chosen device does not work and `allowFallback` does not let `auto` choose another, and
 * `DeviceError` where it could not be tried.
 */
export async function decideDevice(choice: DeviceChoice, allowFallback: boolean): Promise<DeviceDecision> {
  const passedOver: { device: Device; reason: string }[] = [];
  let undecided = false;
  let setupHelps = false;
  for (const device of choice === 'auto' ? DEVICES : [choice]) {
    const trial = await tryTwice(device);
    if (trial.reason !== null) {
      passedOver.push({ device, reason: trial.reason });
      undecided ||= trial.undecided === true;
      setupHelps ||= trial.setupHelps === true;
    } else if (choice === 'auto' && trial.software !== undefined) {
      passedOver.push({ device, reason: `auto does not take it: ${trial.software}` });
    } else {
      return { device, passedOver, warning: trial.software ?? null };
    }
  }
  if (choice !== 'auto' && allowFallback) {
    const other = await decideDevice('auto', false);
    const alsoPassed = other.passedOver.filter(({ device }) => device !== choice);
    return { ...other, passedOver: [...passedOver, ...alsoPassed] };
  }
  const reasons = passedOver.map(({ device, reason }) => `${device} does not work here: ${reason}`);
  const advice = setupHelps ? '"panic-tda setup cuda" gets what is missing; ' : '';
  throw new PanicError(
    undecided ? 'DeviceError' : 'InvalidInput',
    `${reasons.join('\n')}\n${advice}--device auto takes what works, and so does --allow-fallback`,
  );
}

/** The device of `decideDevice`. Throws as that does. */
export async function chooseDevice(choice: DeviceChoice, allowFallback: boolean): Promise<Device> {
  return (await decideDevice(choice, allowFallback)).device;
}

/**
 * Tries a second time where the first trial was cut short. Otherwise a moment without memory would decide for
 * hours.
 */
async function tryTwice(device: Device): Promise<DeviceTrial> {
  const trial = await tryDevice(device);
  return trial.undecided === true ? await tryDevice(device) : trial;
}

/**
 * One line each: where models with files are computed, and why faster devices are not used. `models` are names for
 * the first line.
 */
export function explainDecision(
  { device, passedOver, warning }: DeviceDecision,
  models: readonly string[] = [],
): string[] {
  const which = models.length === 0 ? 'Models with files' : models.join(', ');
  return [
    `${which}: computed on ${device}.`,
    ...(warning === null ? [] : [`${device} is taken as asked, although ${warning}.`]),
    ...passedOver.map((passed) => `${passed.device} is not used: ${passed.reason}.`),
  ];
}

/**
 * Memory of the first GPU, MiB, as NVIDIA's driver reports it. Null for the processor, and where no such driver
 * reports it: other GPUs, and WebGPU on systems other than Linux and Windows.
 */
export async function gpuMemoryMiB(device: Device): Promise<number | null> {
  if (device === 'cpu') return null;
  const query = ['--query-gpu=memory.total', '--format=csv,noheader,nounits'];
  const { stdout } = await promisify(execFile)('nvidia-smi', query, { env: childEnvironment('probe') }).catch(
    () => ({ stdout: '' }),
  );
  const first = Number.parseInt(stdout, 10);
  return Number.isFinite(first) ? first : null;
}
