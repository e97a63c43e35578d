import type { ExperimentConfig } from '../../experiment/config.js';
import { isPanicError } from '../../common/errors.js';
import type { Catalogue, Model } from '../../experiment/model.js';
import type { ServerAccess } from './address.js';
import { meetServer } from './server-model.js';

/** The result of asking a model's server, without generating anything. */
export type ServerState =
  /** The server lists the model; or it answers and has no list, as many servers. */
  | { readonly state: 'listed' | 'without a list' }
  /** The server cannot be reached, may not be asked, or does not serve the model. */
  | { readonly state: 'trouble'; readonly why: string };

export interface AskedServer {
  readonly model: Model;
  readonly server: ServerState;
}

export function isServed({ loader }: Model): boolean {
  return loader === 'server';
}

/** The models of an experiment that servers compute, each once. */
export function servedModels(
  { networks, embedding_models }: Pick<ExperimentConfig, 'networks' | 'embedding_models'>,
  catalogue: Catalogue,
): Model[] {
  const names = new Set([...networks.flat(), ...embedding_models]);
  return [...names].flatMap((name) => catalogue.get(name) ?? []).filter(isServed);
}

/**
 * Asks the servers of models, all at the same time, whether they answer and serve them. A run would find that out
 * at its first step. A server that cannot be reached is tried for some seconds. Rejects with the signal's reason
 * only.
 */
export async function askServers(
  models: readonly Model[],
  access: ServerAccess,
  signal: AbortSignal = new AbortController().signal,
): Promise<AskedServer[]> {
  return await Promise.all(
    models.map(async (model) => ({ model, server: await stateOf(model, access, signal) })),
  );
}

async function stateOf(model: Model, access: ServerAccess, signal: AbortSignal): Promise<ServerState> {
  try {
    const { listed } = await meetServer(model, access, signal);
    return { state: listed ? 'listed' : 'without a list' };
  } catch (error) {
    signal.throwIfAborted();
    if (isPanicError(error)) return { state: 'trouble', why: error.message };
    throw error;
  }
}

/** One line for each server that cannot be used. */
export function serverTroubles(asked: readonly AskedServer[]): string[] {
  return asked.flatMap(({ model, server }) =>
    server.state === 'trouble' ? [`${model.name}: ${server.why}`] : [],
  );
}
