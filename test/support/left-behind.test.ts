import { jest } from '@jest/globals';
import { testLeftBehind } from './left-behind/tests.js';

// Jest with a server and a run of its own takes long on a busy machine.
jest.setTimeout(600_000);

testLeftBehind('failing', 'SIGKILL');
