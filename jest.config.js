import { availableParallelism } from 'node:os';

/** @type {import('jest').Config} */
export default {
  // What a test file starts does not outlive it.
  testEnvironment: '<rootDir>/test/support/environment.mjs',
  // A test that hangs ends with this. A sound test never comes near it, however busy the machine is.
  testTimeout: 300_000,
  roots: ['<rootDir>/test'],
  globalSetup: '<rootDir>/test/global-setup.mjs',
  globalTeardown: '<rootDir>/test/global-teardown.mjs',
  // Many tests wait for a process or a time-out, and other files use the cores meanwhile. When this was measured on two quiet cores,
  // four files at a time took 11.4 minutes in all, and three took 12.4.
  maxWorkers: availableParallelism() + 2,
  // The longest file first.
  testSequencer: '<rootDir>/test/support/sequencer.mjs',
  // Jest keeps the modules of each test file that it has run: a process of it that has grown so large is replaced by a new one.
  workerIdleMemoryLimit: '600MB',
  testMatch: ['**/*.test.ts'],
  // Those are for `npm run test:night` (jest.night.config.js).
  testPathIgnorePatterns: ['/node_modules/', '\\.night\\.test\\.ts$'],
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
