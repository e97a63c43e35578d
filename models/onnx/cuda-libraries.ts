import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { childEnvironment } from '../../common/child-environment.js';
import { compiledFile } from '../../common/compiled-file.js';
import { assertNever, errorMessage } from '../../common/errors.js';
import { readSharedLibrary } from './elf.js';

/** The library of NVIDIA's driver. All other libraries come with CUDA and cuDNN. */
export const DRIVER = 'libcuda.so.1';

/**
 * Libraries that the provider opens when a graph first needs them, by the major version of CUDA. The provider's own
 * list does not name them (https://github.com/microsoft/onnxruntime/pull/29252). Without cuDNN most convolutions
 * fail.
 */
const OPENED_LATER: Readonly<Record<number, readonly string[]>> = {
  12: ['libcudnn.so.9', 'libcufft.so.11'],
  13: ['libcudnn.so.9', 'libcufft.so.12'],
};

/** Packages of NVIDIA on PyPI, by the major version of CUDA, as the metadata of onnxruntime-gpu names them. */
const PACKAGES: Readonly<Record<number, readonly string[]>> = {
  12: [
    'nvidia-cublas-cu12~=12.0',
    'nvidia-cuda-runtime-cu12~=12.0',
    'nvidia-cuda-nvrtc-cu12~=12.0',
    'nvidia-cufft-cu12~=11.0',
    'nvidia-curand-cu12~=10.0',
    'nvidia-cudnn-cu12~=9.0',
  ],
  13: [
    'nvidia-cublas~=13.0',
    'nvidia-cuda-runtime~=13.0',
    'nvidia-cuda-nvrtc~=13.0',
    'nvidia-cufft~=12.0',
    'nvidia-curand~=10.0',
    'nvidia-cudnn-cu13~=9.0',
  ],
};

/** What a CUDA provider needs, read from its file. */
export interface CudaNeeds {
  /** Major version of CUDA that it was built for; null where its file names none. */
  readonly cudaMajor: number | null;
  /** Names of NVIDIA's libraries, the driver among them. */
  readonly libraries: readonly string[];
}

/** Reads what a provider needs. Throws Error that says what is wrong with the provider's file. */
export function cudaNeeds(library: string): CudaNeeds {
  const needed = readSharedLibrary(library).needed.filter((name) => /^lib(?:cu|nv)/.test(name));
  // cuRAND and cuFFT have version numbers of their own.
  const majors = needed.map((name) => /^lib(?:cudart|cublas|cublasLt)\.so\.(\d+)/.exec(name)?.[1]);
  const major = majors.find((text) => text !== undefined);
  const cudaMajor = major === undefined ? null : Number(major);
  const later = cudaMajor === null ? [] : (OPENED_LATER[cudaMajor] ?? []);
  return { cudaMajor, libraries: [...new Set([...needed, ...later])] };
}

/** Why this machine cannot load a provider. */
export type CudaProblem =
  | { readonly kind: 'provider-missing' }
  /** The file is cut, or is no library; `why` completes "it cannot be loaded: ". */
  | { readonly kind: 'provider-damaged'; readonly why: string }
  | {
      readonly kind: 'libraries-missing';
      readonly cudaMajor: number | null;
      /** NVIDIA's libraries that the loader does not find, without the driver's. */
      readonly libraries: readonly string[];
      readonly driver: boolean;
    }
  | { readonly kind: 'driver-missing' }
  | { readonly kind: 'library-broken'; readonly why: string };

/** Asks this machine's loader for the provider and for all libraries that it needs; null where none is missing. */
export async function cudaProblem(library: string): Promise<CudaProblem | null> {
  if (!existsSync(library)) return { kind: 'provider-missing' };
  let needs: CudaNeeds;
  try {
    needs = cudaNeeds(library);
  } catch (error) {
    return { kind: 'provider-damaged', why: errorMessage(error) };
  }
  const answers = await askLoader(needs.libraries);
  const failed = needs.libraries.filter((name) => (answers[name] ?? null) !== null);
  // A library that exists may need one that does not. The loader then names the second one.
  const missing = [...new Set(failed.flatMap((name) => notFoundIn(answers[name] ?? '') ?? []))];
  const libraries = missing.filter((name) => name !== DRIVER);
  const driver = missing.includes(DRIVER);
  if (libraries.length > 0) {
    return { kind: 'libraries-missing', cudaMajor: needs.cudaMajor, libraries, driver };
  }
  if (driver) return { kind: 'driver-missing' };
  const broken = failed[0];
  return broken === undefined ? null : { kind: 'library-broken', why: answers[broken] ?? broken };
}

function notFoundIn(message: string): string | undefined {
  return /^(\S+): cannot open shared object file: No such file/.exec(message)?.[1];
}

/** The loader's answer for each name: null where it has the library. */
function askLoader(names: readonly string[]): Promise<Readonly<Record<string, string | null>>> {
  return new Promise((resolve, reject) => {
    const child = fork(compiledFile('models/onnx/libraries-main.js'), names, {
      execArgv: [],
      env: childEnvironment('runner'),
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    let answers: Readonly<Record<string, string | null>> | null = null;
    child.on('message', (message: Readonly<Record<string, string | null>>) => {
      answers = message;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (answers !== null) resolve(answers);
      else reject(new Error(`the process that asked the loader ended with ${signal ?? `code ${code}`}`));
    });
  });
}

/** The problem in one sentence, without a remedy. */
export function explainCudaProblem(problem: CudaProblem): string {
  switch (problem.kind) {
    case 'provider-missing':
      return "the runtime's CUDA provider is not on this machine";
    case 'provider-damaged':
      return `the runtime's CUDA provider cannot be loaded: ${problem.why}`;
    case 'libraries-missing': {
      const { cudaMajor, libraries, driver } = problem;
      const version = cudaMajor === null ? 'CUDA' : `CUDA ${cudaMajor}`;
      const also = driver ? `, and there is no NVIDIA driver (${DRIVER})` : '';
      return `the runtime's CUDA provider is built for ${version}, and these libraries are not found: ${libraries.join(', ')}${also}`;
    }
    case 'driver-missing':
      return `there is no NVIDIA driver (${DRIVER} is not found)`;
    case 'library-broken':
      return `a library of CUDA cannot be loaded: ${problem.why}`;
    default:
      return assertNever(problem);
  }
}

/**
 * Two commands for a shell: the first installs the libraries of a major version of CUDA, the second lets the loader
 * find them. Null where this program does not know the version.
 */
export function cudaLibrariesCommand(cudaMajor: number | null): string | null {
  const packages = cudaMajor === null ? undefined : PACKAGES[cudaMajor];
  if (packages === undefined) return null;
  const target = '"$HOME/.cache/panic-tda/cuda"';
  const quoted = packages.map((name) => `'${name}'`).join(' ');
  return (
    `python3 -m pip install --target ${target} ${quoted} && ` +
    `export LD_LIBRARY_PATH="$(printf '%s:' ${target}/nvidia/*/lib)$LD_LIBRARY_PATH"`
  );
}
