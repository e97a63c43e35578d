import { parentPort } from 'node:worker_threads';
import type { Fingerprint } from '../../experiment/provenance.js';
import { embedBuiltIn, generateBuiltIn } from '../built-in.js';
import { transferable, transferableBuffers } from './transferable.js';
import { failureReply, type RunnerAnswer, type RunnerReply, type RunnerRequest } from './runner-protocol.js';

const fingerprint: Fingerprint = {
  runtime: 'typescript',
  runtimeVersion: process.version,
  device: 'cpu',
  dtype: 'float64',
  files: {},
};

function answer(request: RunnerRequest): RunnerAnswer {
  const started = performance.now();
  if (request.task === 'generate') {
    const output = generateBuiltIn(request.model, request.input, request.seed);
    return {
      task: 'generate',
      output,
      cutTokens: 0,
      outputCut: false,
      fingerprint,
      computeMs: performance.now() - started,
    };
  }
  const vectors = request.inputs.map((input) => embedBuiltIn(request.model, input));
  const cutTokens = vectors.map(() => 0);
  return { task: 'embed', vectors, cutTokens, fingerprint, computeMs: performance.now() - started };
}

function buffersOf(answer: RunnerAnswer): ArrayBuffer[] {
  if (answer.task === 'embed') return transferableBuffers(answer.vectors);
  return transferable(answer.output);
}

function reply(request: RunnerRequest): void {
  try {
    const given = answer(request);
    const reply: RunnerReply = { ok: true, answer: given };
    parentPort?.postMessage(reply, buffersOf(given));
  } catch (error) {
    parentPort?.postMessage(failureReply(error), []);
  }
}

parentPort?.on('message', reply);
