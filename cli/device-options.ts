import { type Command, InvalidArgumentError, Option } from 'commander';
import { PanicError } from '../common/errors.js';
import { DEVICE_CHOICES, type DeviceChoice, type DeviceSettings } from '../models/choices.js';
import { memoryMiB, MEMORY_FORMAT } from '../workers/settings/memory-text.js';

/** Options of the commands that compute with models: on which device, and with how much memory. */
export interface DeviceOptions {
  readonly device?: DeviceChoice;
  readonly allowFallback?: true;
  /** MiB */
  readonly gpuMemory?: number;
  /** MiB */
  readonly ram?: number;
}

export function addDeviceOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--device <device>',
        'where models with files are computed (default: $PANIC_TDA_DEVICE, or auto: the first that works)',
      ).choices(DEVICE_CHOICES),
    )
    .option('--allow-fallback', 'take another device where the chosen one does not work')
    .option(
      '--gpu-memory <size>',
      'what loaded models may take on the GPU, such as 20GiB (default: all of it)',
      size,
    )
    .option(
      '--ram <size>',
      'what loaded models may take on the processor (default: half of this machine)',
      size,
    );
}

function size(text: string): number {
  const mib = memoryMiB(text);
  if (mib === undefined) throw new InvalidArgumentError(`Expected ${MEMORY_FORMAT}.`);
  return mib;
}

/** The settings of the environment, replaced by the options that are given. */
export function deviceSettings(
  { device, allowFallback, gpuMemory, ram }: DeviceOptions,
  environment: DeviceSettings,
): DeviceSettings {
  return {
    ...environment,
    device: device ?? environment.device,
    allowFallback: allowFallback ?? environment.allowFallback,
    gpuMemoryMiB: gpuMemory ?? environment.gpuMemoryMiB,
    ramMiB: ram ?? environment.ramMiB,
  };
}

/** @throws PanicError `InvalidInput` if the options are for workers that this command does not start itself. */
export async function refuseDeviceOptionsElsewhere({
  device,
  allowFallback,
  gpuMemory,
  ram,
}: DeviceOptions): Promise<void> {
  const given = device ?? allowFallback ?? gpuMemory ?? ram;
  if (given === undefined) return;
  const { configuredTemporal } = await import('../workers/settings/temporal.js');
  if (configuredTemporal() === undefined) return;
  throw new PanicError(
    'InvalidInput',
    '--device, --allow-fallback, --gpu-memory and --ram are for the workers of a run, and with TEMPORAL_ADDRESS set they are ' +
      'started elsewhere; give the options to "panic-tda worker" there',
  );
}
