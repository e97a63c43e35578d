import { execFile, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/**
 * The runtime's CUDA provider. Its package cannot carry it (too large for the registry), and has a script that downloads it
 * from NuGet: node_modules/onnxruntime-node/script/install.js.
 */
export interface CudaProvider {
  /** The runtime's own download script. */
  readonly script: string;
  /** The library that the script puts beside the runtime. */
  readonly library: string;
}

/** Null on a system for which there is none. */
export function cudaProvider(
  packageFolder = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json')),
  system = `${process.platform}/${process.arch}`,
): CudaProvider | null {
  // `requirements` of the package's script/install-metadata.js.
  if (system !== 'linux/x64') return null;
  return {
    script: join(packageFolder, 'script', 'install.js'),
    library: join(packageFolder, 'bin', 'napi-v6', system, 'libonnxruntime_providers_cuda.so'),
  };
}

/** Runs the download script, and hands on what it prints. Resolves with why it failed, or with null. */
export async function downloadCudaProvider(
  { script }: CudaProvider,
  environment: Readonly<Record<string, string>>,
  onLine: (line: string) => void,
): Promise<string | null> {
  return await new Promise((resolve) => {
    const child = spawn(process.execPath, [script], {
      // Without it the script does nothing in a clone: that the download is wanted has to be said.
      env: { ...environment, ONNXRUNTIME_NODE_INSTALL: 'cuda12' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n')) if (line.trim() !== '') onLine(line);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => {
      const said = /^\w*Error: .*$/m.exec(errors)?.[0] ?? errors.trim().split('\n').at(-1) ?? '';
      if (code === 0) resolve(null);
      else resolve(`it ended ${signal === null ? `with code ${code}` : `by ${signal}`}: ${said}`);
    });
  });
}

/** Libraries that the provider needs and the loader does not find; null where that cannot be asked. */
export async function missingLibraries({ library }: CudaProvider): Promise<readonly string[] | null> {
  try {
    const { stdout } = await promisify(execFile)('ldd', [library]);
    const names = stdout.split('\n').filter((line) => line.includes('not found'));
    return names.map((line) => line.trim().split(' ')[0]!);
  } catch {
    return null;
  }
}
