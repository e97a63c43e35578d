import { dirname } from 'node:path';
import { isPanicError, PanicError } from '../../common/errors.js';
import {
  type CudaProblem,
  cudaProblem,
  type CudaProvider,
  cudaProvider,
  explainCudaProblem,
  fetchCudaProvider,
  providerState,
  tryDeviceAgain,
} from '../../models/index.js';
import { proxies } from '../../workers/settings/hub-access.js';
import { useUmaskOfUser } from '../../workers/settings/private-files.js';
import type { Context } from '../context.js';
import { cudaRemedy } from '../cuda-remedy.js';
import { EXIT } from '../program/exit-codes.js';
import { onInterrupt } from '../terminal/interruption.js';
import { note, print, printJson } from '../terminal/output.js';

export interface CudaSetup {
  /** For building images: a missing driver is no failure, and nothing runs on a GPU. */
  readonly withoutGpu?: boolean;
  /** Pauses before further attempts to fetch, in milliseconds. */
  readonly delaysMs?: readonly number[];
}

/**
 * `setup cuda`: gets the runtime's CUDA provider and tries it.
 * @throws PanicError `InvalidInput` if this system has none, `DeviceError` if it cannot be fetched.
 */
export async function setUpCuda(
  { json, command }: Pick<Context, 'json' | 'command'>,
  provider: CudaProvider | null = cudaProvider(),
  { withoutGpu = false, delaysMs }: CudaSetup = {},
): Promise<number> {
  if (provider === null) {
    throw new PanicError(
      'InvalidInput',
      `the runtime has CUDA for Linux on x64 only; this is ${process.platform} on ${process.arch}. ` +
        `"${command('doctor')}" says which devices work`,
    );
  }
  const interruption = onInterrupt();
  try {
    await fetchWhereNeeded(provider, command, interruption.signal, delaysMs);
  } catch (error) {
    const code = interruption.exitCode();
    if (code === null) throw error;
    note(`Stopped; nothing was changed. "${command('setup', 'cuda')}" begins again.`);
    return code;
  } finally {
    interruption.end();
  }
  return withoutGpu ? await tellLibraries(provider, json, command) : await tell(provider, json, command);
}

async function tell(provider: CudaProvider, json: boolean, command: Context['command']): Promise<number> {
  const missing = await cudaProblem(provider.library);
  const { reason } = await tryDeviceAgain('cuda');
  const works = reason === null;
  const remedy = missing === null ? [] : cudaRemedy(missing, command);
  if (json) {
    printJson({ works, reason, library: provider.library, ...missingOf(missing), remedy });
  } else if (works) {
    print('CUDA works: a session ran on it. Models with files use it from now on.');
  } else {
    print(`CUDA does not work yet: ${reason}.`);
    for (const line of remedy) print(`  ${line}`);
    print(`Then run "${command('setup', 'cuda')}" again.`);
  }
  return works ? EXIT.ok : EXIT.failed;
}

/** What can be known without a GPU: whether all libraries are present, except those of the driver. */
async function tellLibraries(
  provider: CudaProvider,
  json: boolean,
  command: Context['command'],
): Promise<number> {
  const found = await cudaProblem(provider.library);
  const problem = found?.kind === 'driver-missing' ? null : found;
  const remedy = problem === null ? [] : cudaRemedy(problem, command);
  const reason = problem === null ? null : explainCudaProblem(problem);
  if (json) printJson({ works: null, reason, library: provider.library, ...missingOf(problem), remedy });
  else if (reason === null) print('All libraries that CUDA needs are there. Nothing was run on a GPU.');
  else {
    print(`CUDA cannot work here: ${reason}.`);
    for (const line of remedy) print(`  ${line}`);
  }
  return reason === null ? EXIT.ok : EXIT.failed;
}

function missingOf(missing: CudaProblem | null): {
  readonly cudaMajor: number | null;
  readonly missingLibraries: readonly string[];
} {
  return missing?.kind === 'libraries-missing'
    ? { cudaMajor: missing.cudaMajor, missingLibraries: missing.libraries }
    : { cudaMajor: null, missingLibraries: [] };
}

/**
 * Fetches the library unless it is whole and recorded. A library of unknown origin stays in use if no new one can be
 * fetched.
 */
async function fetchWhereNeeded(
  provider: CudaProvider,
  command: Context['command'],
  signal: AbortSignal,
  delaysMs: readonly number[] | undefined,
): Promise<void> {
  const found = await providerState(provider);
  if (found.state === 'whole') {
    note(`${provider.library} is there already, and is what was fetched.`);
    return;
  }
  if (found.state === 'damaged') note(`${found.why}; it is fetched again.`);
  if (found.state === 'unrecorded') {
    note(`${provider.library} is there, and nothing is known of its origin; it is fetched again.`);
  }
  // The library becomes a part of the program, which other users may run.
  useUmaskOfUser();
  note("Fetching the runtime's CUDA provider (some 300 MB).");
  try {
    const record = await fetchCudaProvider(provider, {
      proxies: proxies(),
      signal,
      onLine: note,
      ...(delaysMs === undefined ? {} : { delaysMs }),
    });
    const checked = record.packageSha512 === null ? '' : ", and the package's SHA-512 is that of its feed";
    note(`It is now in ${dirname(provider.library)}${checked}; installing the packages again removes it.`);
  } catch (error) {
    if (!isPanicError(error)) throw error;
    if (found.state === 'unrecorded') {
      note(`${error.message}; the library that is there is tried.`);
      return;
    }
    const remedy = `behind a proxy, set HTTPS_PROXY; then run "${command('setup', 'cuda')}" again`;
    throw new PanicError(error.kind, `${error.message}; ${remedy}`, { cause: error });
  }
}
