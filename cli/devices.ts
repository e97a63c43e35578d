import type { ExperimentConfig } from '../experiment/config.js';
import { isPanicError } from '../experiment/errors.js';
import { decideDevice, explainDecision } from '../models/index.js';
import { configuredTemporal } from '../workers/environment.js';
import type { Context } from './context.js';

/**
 * Where the models with files of an experiment will be computed, and why no faster device will be, in lines; empty where it has
 * none, or workers elsewhere compute. Throws PanicError `InvalidInput` before anything starts where a chosen device does not work.
 */
export async function explainDevices(context: Context, config: ExperimentConfig): Promise<readonly string[]> {
  const models = computedHere(context, config);
  if (models.length === 0) return [];
  const { device, allowFallback } = context.environment.hosts;
  return explainDecision(await decideDevice(device, allowFallback), models);
}

/**
 * Why `explainDevices` would throw; null where it would not. Only a device that was chosen by name is tried: `auto` and a fallback end
 * with the processor.
 */
export async function deviceTrouble(context: Context, config: ExperimentConfig): Promise<string | null> {
  const { device, allowFallback } = context.environment.hosts;
  if (device === 'auto' || allowFallback || computedHere(context, config).length === 0) return null;
  try {
    await decideDevice(device, allowFallback);
    return null;
  } catch (error) {
    if (isPanicError(error)) return error.message;
    throw error;
  }
}

/** The models with files that workers of this machine compute. */
function computedHere({ catalogue }: Context, { networks, embedding_models }: ExperimentConfig): string[] {
  if (configuredTemporal() !== undefined) return [];
  const names = [...new Set([...networks.flat(), ...embedding_models])];
  return names.filter((name) => (catalogue.get(name)?.weights ?? null) !== null);
}
