import { totalmem } from 'node:os';
import type { HostSettings } from '../choices.js';
import type { Device } from '../loaded-model.js';
import { chooseDevice, gpuMemoryMiB } from '../onnx/devices.js';
import { MemoryBudget, type TurnOptions } from './memory-budget.js';
import type { Place } from './model-lane.js';

export { HOST_SETTINGS, type HostSettings } from '../choices.js';

const BYTES_PER_MIB = 2 ** 20;

/** Tries the devices and says what models may take there. Throws PanicError `InvalidInput` where the chosen one does not work. */
export async function findPlace(settings: HostSettings, turns: TurnOptions): Promise<Place> {
  const device = await chooseDevice(settings.device, settings.allowFallback);
  return { device, budget: new MemoryBudget({ ...(await memoryOn(device, settings)), ...turns }) };
}

async function memoryOn(
  device: Device,
  { gpuMemoryMiB: gpuMiB, ramMiB }: HostSettings,
): Promise<{ limitMiB: number; remedy: string }> {
  if (device === 'cpu') {
    return {
      limitMiB: ramMiB ?? Math.floor(totalmem() / 2 / BYTES_PER_MIB),
      remedy: 'give models more with --ram',
    };
  }
  return {
    // A GPU that does not tell its memory refuses what does not fit, which is a DeviceError.
    limitMiB: gpuMiB ?? (await gpuMemoryMiB(device)) ?? Infinity,
    remedy: 'give models more with --gpu-memory, where the GPU has more',
  };
}
