import { availableParallelism } from 'node:os';

/** @type {import('jest').Config} */
export default {
  // What a test file starts does not outlive it.
  testEnvironment: '<rootDir>/test/support/environment.mjs',
  // Real processes on a busy machine take longer than the default of five seconds.
  testTimeout: 60_000,
  roots: ['<rootDir>/test'],
  globalSetup: '<rootDir>/test/global-setup.mjs',
  globalTeardown: '<rootDir>/test/global-teardown.mjs',
  // Drills wait for time-outs most of the time, in which the other tests can work: on two cores half of the time in all.
  maxWorkers: Math.max(2, availableParallelism() - 1),
  // Jest keeps the modules of each test file that it has run: a process of it that has grown so large is replaced by a new one.
  workerIdleMemoryLimit: '600MB',
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
};
