import { hostname } from 'node:os';
import { modelNames, type ExperimentConfig } from './config.js';
import type { Catalogue } from './model.js';

/** A catalogue file of the user that gave models to an experiment, and the machine that had the file. */
export interface MadeWith {
  readonly path: string;
  readonly sha256: string;
  readonly models: readonly string[];
  readonly machine: string;
}

/**
 * The catalogue files of the user that give models to an experiment. Empty if all of its models are built in.
 */
export function madeWith(
  config: Pick<ExperimentConfig, 'networks' | 'embedding_models'>,
  { origin }: Catalogue,
): MadeWith[] {
  const names = new Set(modelNames(config));
  return (origin?.files ?? []).flatMap(({ path, sha256, models }) => {
    const given = models.filter((name) => names.has(name));
    return given.length === 0 ? [] : [{ path, sha256, models: given, machine: hostname() }];
  });
}

/**
 * Reads the stored result of `madeWith`. Null if nothing is stored, as by earlier versions, or if the text
 * cannot be read.
 */
export function storedMadeWith(json: string | null): MadeWith[] | null {
  if (json === null) return null;
  try {
    const stored: unknown = JSON.parse(json);
    return Array.isArray(stored) && stored.every(isMadeWith) ? stored : null;
  } catch {
    return null;
  }
}

/**
 * This check uses no library of schemas: every command opens a store, and such a library takes 60 ms of CPU
 * to load.
 */
function isMadeWith(value: unknown): value is MadeWith {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'path' in value &&
    typeof value.path === 'string' &&
    'sha256' in value &&
    typeof value.sha256 === 'string' &&
    'machine' in value &&
    typeof value.machine === 'string' &&
    'models' in value &&
    Array.isArray(value.models) &&
    value.models.every((name) => typeof name === 'string')
  );
}
