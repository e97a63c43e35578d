import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cudaLibrariesCommand, cudaProblem, explainCudaProblem } from '../../models/index.js';
import { cudaNeeds } from '../../models/onnx/cuda-libraries.js';
import { readSharedLibrary } from '../../models/onnx/elf.js';
import { tinyLibrary } from '../support/tiny-library.js';

const folder = mkdtempSync(join(tmpdir(), 'panic-tda-cuda-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function library(name: string, needed: readonly string[], padding = 0): string {
  const file = join(folder, name);
  writeFileSync(file, tinyLibrary(needed, padding));
  return file;
}

const onLinux = process.platform === 'linux' && process.arch === 'x64' ? test : test.skip;

describe('a shared library', () => {
  test('states the libraries that it needs', () => {
    const needed = ['libcublas.so.13', 'libcuda.so.1', 'libc.so.6'];
    expect(readSharedLibrary(library('whole.so', needed)).needed).toEqual(needed);
    expect(readSharedLibrary(library('alone.so', [])).needed).toEqual([]);
  });

  test('that is cut anywhere is recognised as cut', () => {
    const whole = readSharedLibrary(library('cut.so', ['libc.so.6'], 1000)).bytes;
    for (const bytes of [whole - 1, whole - 1000, 300, 100, 63, 1, 0]) {
      const file = library('cut.so', ['libc.so.6'], 1000);
      truncateSync(file, bytes);
      expect(() => readSharedLibrary(file)).toThrow(/^it is cut/);
    }
  });

  test('is distinguished from another file, and from one with a damaged header', () => {
    const page = join(folder, 'page.so');
    writeFileSync(page, `<html>${' '.repeat(200)}</html>`);
    expect(() => readSharedLibrary(page)).toThrow('it is no shared library of Linux');
    const damaged = tinyLibrary(['libc.so.6']);
    for (const at of [4, 5, 39, 57]) {
      const bytes = Buffer.from(damaged);
      bytes[at] = 0xff;
      writeFileSync(page, bytes);
      expect(() => readSharedLibrary(page)).toThrow(/^it is|^its/);
    }
  });

  onLinux("is recognised in the runtime's own library", () => {
    expect(readSharedLibrary(runtimeLibrary()).needed).toContain('libc.so.6');
  });
});

function runtimeLibrary(): string {
  return join('node_modules', 'onnxruntime-node', 'bin', 'napi-v6', 'linux', 'x64', 'libonnxruntime.so.1');
}

describe('the needs of a CUDA provider', () => {
  test.each([
    [12, 'libcufft.so.11'],
    [13, 'libcufft.so.12'],
  ])('are read from its own file: CUDA %i, with the libraries that it opens later', (major, cufft) => {
    const named = [`libcublasLt.so.${major}`, `libcudart.so.${major}`, 'libcurand.so.10', 'libcuda.so.1'];
    const needs = cudaNeeds(library('provider.so', [...named, 'libstdc++.so.6', 'libc.so.6']));
    expect(needs).toEqual({ cudaMajor: major, libraries: [...named, 'libcudnn.so.9', cufft] });
    expect(cudaLibrariesCommand(major)).toContain(major === 12 ? 'nvidia-cudnn-cu12' : 'nvidia-cudnn-cu13');
  });

  test('of an unknown version have no command', () => {
    expect(cudaNeeds(library('provider.so', ['libcudart.so.17'])).cudaMajor).toBe(17);
    expect(cudaLibrariesCommand(17)).toBeNull();
    expect(cudaLibrariesCommand(null)).toBeNull();
  });
});

describe('the missing part of CUDA', () => {
  test('is the provider, or its file', async () => {
    expect(await cudaProblem(join(folder, 'nothing.so'))).toEqual({ kind: 'provider-missing' });
    const file = library('half.so', ['libcudart.so.13'], 1000);
    truncateSync(file, 500);
    expect(await cudaProblem(file)).toMatchObject({ kind: 'provider-damaged' });
  });

  onLinux('is what the loader does not find, even a library that the provider opens later', async () => {
    const file = library('provider.so', ['libcublas.so.99', 'libcudart.so.13', 'libcuda.so.1', 'libc.so.6']);
    const problem = await cudaProblem(file);
    if (problem?.kind !== 'libraries-missing') throw new Error(`no library is missing: ${problem?.kind}`);
    expect(problem.libraries).toContain('libcublas.so.99');
    expect(problem.libraries).not.toContain('libcuda.so.1');
    expect(explainCudaProblem(problem)).toMatch(/not found: .*libcublas\.so\.99/);
  });

  onLinux('is the driver alone where everything else is present', async () => {
    // On a machine with a driver nothing is missing.
    const problem = await cudaProblem(library('provider.so', ['libcuda.so.1']));
    if (problem !== null) {
      expect(problem).toEqual({ kind: 'driver-missing' });
      expect(explainCudaProblem(problem)).toMatch(/^there is no NVIDIA driver/);
    }
  });
});
