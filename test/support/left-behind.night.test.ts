import { jest } from '@jest/globals';
import { testLeftBehind } from './left-behind/tests.js';

// Jest with a server, workers and a run of its own takes half a minute on an idle machine.
jest.setTimeout(600_000);

testLeftBehind({ suites: ['late'], signals: ['SIGINT'] });
