import type { ExperimentConfig } from '../experiment/config.js';
import { isPanicError, PanicError } from '../common/errors.js';
import type { Model } from '../experiment/model.js';
import { decideDevice, explainDecision, fitEverywhere, oversizedModels } from '../models/index.js';
import { configuredTemporal } from '../workers/settings/temporal.js';
import type { Context } from './context.js';

/**
 * Says where the experiment's models with files will be computed, and why no faster device is used, one
 * sentence a line. Empty if it has no such models, or if workers elsewhere compute them.
 * @throws PanicError `InvalidInput`, before anything starts, if a chosen device does not work, or if a model of
 * a new experiment does not fit. A stored experiment may have no work left for that model, so the fit is not
 * checked.
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
 * Why `explainDevices` would throw for a new experiment, or null. It tries no device if the user chose none by
 * name and the models fit into any: `auto` and a fallback always end at the processor.
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

/** The models with files that the workers of this machine compute. */
function computedHere({ catalogue }: Context, { networks, embedding_models }: ExperimentConfig): Model[] {
  if (configuredTemporal() !== undefined) return [];
  const names = [...new Set([...networks.flat(), ...embedding_models])];
  return names.flatMap((name) => {
    const model = catalogue.get(name);
    return model === undefined || model.weights === null ? [] : [model];
  });
}
