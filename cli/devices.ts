import type { ExperimentConfig } from '../experiment/config.js';
import { isPanicError, PanicError } from '../common/errors.js';
import type { Model } from '../experiment/model.js';
import { decideDevice, explainDecision, fitEverywhere, oversizedModels } from '../models/index.js';
import { configuredTemporal } from '../workers/settings/temporal.js';
import type { Context } from './context.js';

/**
 * Where the models with files of an experiment will be computed, and why no faster device will be, in lines; empty where it has
 * none, or workers elsewhere compute. Throws PanicError `InvalidInput` before anything starts where a chosen device does not work,
 * and, of an experiment that is new, where a model does not fit: what is left of a stored one may not call it.
 */
export async function explainDevices(
  context: Context,
  config: ExperimentConfig,
  isNew: boolean,
): Promise<readonly string[]> {
  const models = computedHere(context, config);
  if (models.length === 0) return [];
  const { deviceSettings } = context.environment;
  const decision = await decideDevice(deviceSettings.device, deviceSettings.allowFallback);
  const oversized = isNew ? await oversizedModels(models, decision, deviceSettings) : [];
  if (oversized.length > 0) {
    const lines = oversized.join('\n');
    throw new PanicError('InvalidInput', `models of this experiment do not fit; nothing was done:\n${lines}`);
  }
  return explainDecision(
    decision,
    models.map(({ name }) => name),
  );
}

/**
 * Why `explainDevices` would throw for a new experiment; null where it would not. Where no device was chosen by name and the models fit
 * into any, none is tried: `auto` and a fallback end with the processor.
 */
export async function deviceTrouble(context: Context, config: ExperimentConfig): Promise<string | null> {
  const { deviceSettings } = context.environment;
  const isSure = deviceSettings.device === 'auto' || deviceSettings.allowFallback;
  if (isSure && (await fitEverywhere(computedHere(context, config), deviceSettings))) return null;
  try {
    await explainDevices(context, config, true);
    return null;
  } catch (error) {
    if (isPanicError(error)) return error.message;
    throw error;
  }
}

/** The models with files that workers of this machine compute. */
function computedHere({ catalogue }: Context, { networks, embedding_models }: ExperimentConfig): Model[] {
  if (configuredTemporal() !== undefined) return [];
  const names = [...new Set([...networks.flat(), ...embedding_models])];
  return names.flatMap((name) => {
    const model = catalogue.get(name);
    return model === undefined || model.weights === null ? [] : [model];
  });
}
