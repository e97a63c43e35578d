import type { Device } from './loaded-model.js';

/**
 * What settings and the command line may say of models, apart from the rest of this room, so that a command's help and its
 * errors need not load the rest.
 */

/** The devices that models can be computed on, in the order in which `auto` tries them. */
export const DEVICES = ['cuda', 'webgpu', 'cpu'] as const satisfies readonly Device[];

export type DeviceChoice = 'auto' | Device;
export const DEVICE_CHOICES: readonly DeviceChoice[] = ['auto', ...DEVICES];

/** After how much time the process or thread of a model is ended, in seconds for which this process is at work. */
export interface Deadlines {
  /** Of a call; where the model has answered before, less (models/runners/deadline.ts). */
  readonly callSeconds: number;
  readonly loadSeconds: number;
}

/** Where models with files are computed, how much memory they may take, and for how long. */
export interface DeviceSettings extends Deadlines {
  readonly device: DeviceChoice;
  /** Whether another device may be taken where the chosen one does not work. */
  readonly allowFallback: boolean;
  /** What all loaded models may take on a GPU; null for all of it. */
  readonly gpuMemoryMiB: number | null;
  /** What all loaded models may take of this machine's memory, on the processor; null for half of it. */
  readonly ramMiB: number | null;
}

export const DEVICE_SETTINGS: DeviceSettings = {
  device: 'auto',
  allowFallback: false,
  gpuMemoryMiB: null,
  ramMiB: null,
  // A picture of the largest models takes hours on a processor, and their weights as long from a disk across a slow network.
  callSeconds: 6 * 3600,
  loadSeconds: 2 * 3600,
};

/** What either may be set to: a day is what an activity of Temporal's has. */
export const LONGEST_DEADLINE_SECONDS = 86_400;
