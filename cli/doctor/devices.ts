import {
  cudaProblem,
  cudaProvider,
  DEVICES,
  type DeviceTrial,
  providerState,
  tryDevice,
} from '../../models/index.js';
import type { Context } from '../context.js';
import { cudaRemedy } from '../cuda-remedy.js';
import { info, ok, problem } from './finding.js';
import type { Finding } from './finding.js';

/** Runs a tiny graph on each device. A device that does not work is a problem only if the user chose it. */
export async function* checkDevices({ environment, command }: Context): AsyncGenerator<Finding> {
  const { device: wanted, allowFallback } = environment.deviceSettings;
  for (const trial of await Promise.all(DEVICES.map(tryDevice))) {
    if (trial.reason === null) yield* working(trial, wanted === trial.device);
    else {
      const refused = trial.device === 'cpu' || (trial.device === wanted && !allowFallback);
      yield (refused ? problem : info)(await explain(trial, command));
    }
  }
  yield* checkProvider(command);
}

function* working({ device, software }: DeviceTrial, wanted: boolean): Generator<Finding> {
  if (software === undefined) yield ok(`${device} works: it ran a tiny graph`);
  else {
    const taken = wanted ? 'it is used, as asked' : `auto does not take it; --device ${device} does`;
    yield info(`${device} works: it ran a tiny graph. But ${software}; ${taken}`);
  }
}

async function explain({ device, reason }: DeviceTrial, command: Context['command']): Promise<string> {
  const lines = [`${device} does not work: ${reason}`];
  const provider = device === 'cuda' ? cudaProvider() : null;
  const missing = provider === null ? null : await cudaProblem(provider.library);
  if (missing !== null) lines.push(...cudaRemedy(missing, command));
  return lines.join('\n');
}

/** The trial finds a library that is cut short. Only the hash finds one that differs in its middle. */
async function* checkProvider(command: Context['command']): AsyncGenerator<Finding> {
  const provider = cudaProvider();
  const state = provider === null ? null : await providerState(provider);
  if (state?.state !== 'damaged') return;
  yield problem(`the runtime's CUDA provider: ${state.why}\n"${command('setup', 'cuda')}" fetches it again`);
}
