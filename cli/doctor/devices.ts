import { DEVICES, type DeviceTrial, tryDevice } from '../../models/index.js';
import type { Context } from '../context.js';
import { info, ok, problem } from './finding.js';
import type { Finding } from './finding.js';

/** Runs a tiny graph on each device. One that is not there is no problem, unless it was asked for. */
export async function* checkDevices({ environment, command }: Context): AsyncGenerator<Finding> {
  const { device: wanted, allowFallback } = environment.hosts;
  for (const trial of await Promise.all(DEVICES.map(tryDevice))) {
    if (trial.reason === null) yield ok(`${trial.device} works: it ran a tiny graph`);
    else {
      const refused = trial.device === 'cpu' || (trial.device === wanted && !allowFallback);
      yield (refused ? problem : info)(explain(trial, command));
    }
  }
}

function explain({ device, reason }: DeviceTrial, command: Context['command']): string {
  const remedy = device === 'cuda' ? `\n"${command('setup', 'cuda')}" gets what it needs` : '';
  return `${device} does not work: ${reason}${remedy}`;
}
