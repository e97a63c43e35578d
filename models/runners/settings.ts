import { usableMemoryBytes } from '../../common/machine.js';
import type { Model } from '../../experiment/model.js';
import type { DeviceSettings } from '../choices.js';
import { decideDevice, type DeviceDecision, gpuMemoryMiB } from '../onnx/devices.js';
import { excessText, MemoryBudget, type TurnOptions } from './memory-budget.js';
import type { Place } from './model-lane.js';

export { DEVICE_SETTINGS, type DeviceSettings } from '../choices.js';

const BYTES_PER_MIB = 2 ** 20;

/**
 * Tries the devices, reports which one it takes and why no faster one, and gives the memory for models there.
 * Throws as `decideDevice`.
 */
export async function findPlace(
  settings: DeviceSettings,
  turns: TurnOptions,
  onDevice: (decision: DeviceDecision) => void = () => undefined,
): Promise<Place> {
  const decision = await decideDevice(settings.device, settings.allowFallback);
  const { device } = decision;
  onDevice(decision);
  return { device, budget: new MemoryBudget({ ...(await memoryOn(decision, settings)), ...turns }) };
}

/** One line each: the models that do not fit even alone into the memory for models on this device. */
export async function oversizedModels(
  models: readonly Model[],
  decision: DeviceDecision,
  settings: DeviceSettings,
): Promise<string[]> {
  const memory = await memoryOn(decision, settings);
  return models.flatMap(({ name, weights }) => {
    const memoryMiB = weights?.memoryMiB ?? 0;
    return memoryMiB > memory.limitMiB ? [excessText({ name, memoryMiB }, memory)] : [];
  });
}

/** Whether every model fits alone on any device. This needs no trial of a device. */
export async function fitEverywhere(models: readonly Model[], settings: DeviceSettings): Promise<boolean> {
  const limits = await Promise.all(
    (['cpu', 'cuda'] as const).map((device) => memoryOn({ device, passedOver: [], warning: null }, settings)),
  );
  const limitMiB = Math.min(...limits.map((memory) => memory.limitMiB));
  return models.every(({ weights }) => (weights?.memoryMiB ?? 0) <= limitMiB);
}

async function memoryOn(
  { device, warning }: DeviceDecision,
  { gpuMemoryMiB: gpuMiB, ramMiB }: DeviceSettings,
): Promise<{ limitMiB: number; remedy: string }> {
  // A driver that computes on the processor takes the machine's own memory.
  if (device === 'cpu' || (warning !== null && gpuMiB === null)) {
    return {
      limitMiB: ramMiB ?? Math.floor(usableMemoryBytes() / 2 / BYTES_PER_MIB),
      remedy: 'give models more with --ram',
    };
  }
  return {
    // A GPU whose memory is unknown refuses what does not fit, with a DeviceError.
    limitMiB: gpuMiB ?? (await gpuMemoryMiB(device)) ?? Infinity,
    remedy: 'give models more with --gpu-memory, where the GPU has more',
  };
}
