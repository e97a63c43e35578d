import type { Device } from './loaded-model.js';

/**
 * What settings and the command line may say of models, apart from the rest of this room, so that a command's help and its
 * errors need not load the rest.
 */

/** The devices that models can be computed on, in the order in which `auto` tries them. */
export const DEVICES = ['cuda', 'webgpu', 'cpu'] as const satisfies readonly Device[];

export type DeviceChoice = 'auto' | Device;
export const DEVICE_CHOICES: readonly DeviceChoice[] = ['auto', ...DEVICES];

/** Where models with files are computed, and how much memory they may take. */
export interface HostSettings {
  readonly device: DeviceChoice;
  /** Whether another device may be taken where the chosen one does not work. */
  readonly allowFallback: boolean;
  /** What all loaded models may take on a GPU; null for all of it. */
  readonly gpuMemoryMiB: number | null;
  /** What all loaded models may take of this machine's memory, on the processor; null for half of it. */
  readonly ramMiB: number | null;
}

export const HOST_SETTINGS: HostSettings = {
  device: 'auto',
  allowFallback: false,
  gpuMemoryMiB: null,
  ramMiB: null,
};
