import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { PanicError } from '../../experiment/errors.js';
import {
  type CudaProvider,
  cudaProvider,
  downloadCudaProvider,
  missingLibraries,
  tryDeviceAgain,
} from '../../models/index.js';
import { childEnvironment } from '../../workers/environment.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { note, print, printJson } from '../output.js';

const NEEDED = `CUDA 12 and cuDNN 9 have to be on the loader's path (LD_LIBRARY_PATH, or "ldconfig"), and a driver for them; the runtime brings
neither. NVIDIA's packages have them, and so does "pip install nvidia-cudnn-cu12 nvidia-cublas-cu12 nvidia-cuda-runtime-cu12
nvidia-cufft-cu12 nvidia-curand-cu12 nvidia-cuda-nvrtc-cu12", whose lib folders then go into LD_LIBRARY_PATH.`;

/** `setup cuda`: gets the runtime's CUDA provider, and tries it. */
export async function setUpCuda(
  { json, command }: Pick<Context, 'json' | 'command'>,
  provider: CudaProvider | null = cudaProvider(),
): Promise<number> {
  if (provider === null) {
    throw new PanicError(
      'InvalidInput',
      `the runtime has CUDA for Linux on x64 only; this is ${process.platform} on ${process.arch}. ` +
        `"${command('doctor')}" says which devices work`,
    );
  }
  await download(provider, command);
  const missing = await missingLibraries(provider);
  const { reason } = await tryDeviceAgain('cuda');
  const works = reason === null;
  if (json) printJson({ works, reason, library: provider.library, missingLibraries: missing });
  else if (works) print('CUDA works: a session ran on it. Models with files use it from now on.');
  else {
    print(`CUDA does not work yet: ${reason}`);
    if (missing !== null && missing.length > 0) print(`\nNot found: ${missing.join(', ')}`);
    print(`\n${NEEDED}\nThen run "${command('setup', 'cuda')}" again.`);
  }
  return works ? EXIT.ok : EXIT.failed;
}

async function download(provider: CudaProvider, command: Context['command']): Promise<void> {
  if (existsSync(provider.library)) {
    note(`${provider.library} is there already.`);
    return;
  }
  note('Downloading the CUDA provider of the runtime from NuGet (some 300 MB).');
  const failure = await downloadCudaProvider(provider, childEnvironment(), note);
  if (failure === null && existsSync(provider.library)) {
    note(`It is now in ${dirname(provider.library)}; installing the packages again removes it.`);
    return;
  }
  throw new PanicError(
    'DeviceError',
    `the CUDA provider could not be downloaded: ${failure ?? `the script ended, and ${provider.library} is not there`}.\n` +
      `It comes from api.nuget.org; behind a proxy, set GLOBAL_AGENT_HTTPS_PROXY. Then run "${command('setup', 'cuda')}" again.`,
  );
}
