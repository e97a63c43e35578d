import type { Device } from './loaded-model.js';

/**
 * What settings and the command line may say of models. This file stands apart from the rest of this room, so that
 * a command's help and errors need not load the rest.
 */

/** The devices that can compute models, in the order in which `auto` tries them. */
export const DEVICES = ['cuda', 'webgpu', 'cpu'] as const satisfies readonly Device[];

export type DeviceChoice = 'auto' | Device;
export const DEVICE_CHOICES: readonly DeviceChoice[] = ['auto', ...DEVICES];

/**
 * The time after which the pool ends the process or thread of a model, in seconds for which the pool's own process
 * is at work.
 */
export interface Deadlines {
  /** For a call; less where the model has answered before (models/runners/deadline.ts). */
  readonly callSeconds: number;
  readonly loadSeconds: number;
}

/** Where models with files are computed, how much memory they may take, and for how long. */
export interface DeviceSettings extends Deadlines {
  readonly device: DeviceChoice;
  /** Whether the pool may take another device where the chosen one does not work. */
  readonly allowFallback: boolean;
  /** What all loaded models together may take on a GPU, MiB; null for all of its memory. */
  readonly gpuMemoryMiB: number | null;
  /**
   * What all loaded models together may take of this machine's memory when the processor computes, MiB; null for
   * half of it.
   */
  readonly ramMiB: number | null;
}

export const DEVICE_SETTINGS: DeviceSettings = {
  device: 'auto',
  allowFallback: false,
  gpuMemoryMiB: null,
  ramMiB: null,
  // On a processor, one picture of the largest models takes hours. Their weights take as long from a disk across a
  // slow network.
  callSeconds: 6 * 3600,
  loadSeconds: 2 * 3600,
};

/** The longest value of either deadline, seconds: an activity of Temporal's lasts at most a day. */
export const LONGEST_DEADLINE_SECONDS = 86_400;
