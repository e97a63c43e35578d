import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setUpCuda } from '../../cli/commands/setup.js';
import { type CudaProvider, cudaProvider, downloadCudaProvider, tryDevice } from '../../models/index.js';
import { cleanUp, folderWith } from './cli-process.js';

jest.setTimeout(60_000);
afterAll(cleanUp);

const context = {
  json: false,
  command: (...words: readonly (string | number)[]) => ['panic-tda', ...words].join(' '),
};
/** A package whose download script is the given text, run by Node as the true one is. The true one would download 300 MB. */
function packageWith(script: string): CudaProvider {
  const folder = folderWith();
  mkdirSync(join(folder, 'script'));
  writeFileSync(join(folder, 'script', 'install.js'), script);
  return cudaProvider(folder, 'linux/x64')!;
}

let printed: string;
let noted: string;
beforeEach(() => {
  printed = '';
  noted = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => ((printed += String(text)), true));
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => ((noted += String(text)), true));
});
afterEach(() => {
  jest.restoreAllMocks();
});

describe('setup cuda', () => {
  test("knows the runtime's own script, and which systems have CUDA", () => {
    const provider = cudaProvider(undefined, 'linux/x64')!;
    expect(existsSync(provider.script)).toBe(true);
    expect(existsSync(dirname(provider.library))).toBe(true);
    expect(cudaProvider(undefined, 'darwin/arm64')).toBeNull();
    expect(cudaProvider(undefined, 'win32/x64')).toBeNull();
  });

  test('is refused where there is no CUDA for the system', async () => {
    const refused = setUpCuda(context, null);
    await expect(refused).rejects.toMatchObject({ kind: 'InvalidInput' });
    await expect(refused).rejects.toThrow(/Linux on x64 only.*panic-tda doctor/);
  });

  test('asks the script for CUDA 12 on purpose', async () => {
    const provider = packageWith('console.log(process.env.ONNXRUNTIME_NODE_INSTALL, process.env.A)');
    const lines: string[] = [];
    expect(await downloadCudaProvider(provider, { A: 'kept' }, (line) => lines.push(line))).toBeNull();
    expect(lines).toEqual(['cuda12 kept']);
  });

  test('says why the download failed, and what to do', async () => {
    const provider = packageWith('throw new Error("Failed to download build list. HTTP status code = 503")');
    const failed = setUpCuda(context, provider);
    await expect(failed).rejects.toThrow(/ended with code 1: Error: Failed to download build list\. HTTP/);
    await expect(failed).rejects.toThrow(/GLOBAL_AGENT_HTTPS_PROXY.*"panic-tda setup cuda" again/s);
  });

  test('does not believe a script that leaves nothing', async () => {
    await expect(setUpCuda(context, packageWith(''))).rejects.toThrow(
      /the script ended, and .*libonnxruntime_providers_cuda\.so is not there/,
    );
  });

  test('downloads once, then tries a session and says whether it works', async () => {
    const library = `require('node:path').join(__dirname, '..', 'bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so')`;
    const provider = packageWith(`
      const fs = require('node:fs');
      fs.mkdirSync(require('node:path').dirname(${library}), { recursive: true });
      fs.writeFileSync(${library}, '');
      console.log('Extracting it');
    `);
    const works = (await tryDevice('cuda')).reason === null;
    expect(await setUpCuda(context, provider)).toBe(works ? 0 : 1);
    expect(noted).toContain('Extracting it');
    expect(printed).toMatch(works ? /CUDA works/ : /CUDA does not work yet: .*CUDA 12 and cuDNN 9/s);
    noted = '';
    expect(await setUpCuda(context, provider)).toBe(works ? 0 : 1);
    expect(noted).toContain('is there already');
  });
});
