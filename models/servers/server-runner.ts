import type { Model } from '../../experiment/model.js';
import type { Runner, RunnerEvents } from '../runners/runner-group.js';
import {
  failureReply,
  type RunnerAnswer,
  type RunnerReply,
  type RunnerRequest,
} from '../runners/runner-protocol.js';
import type { ServerAccess } from './address.js';
import { meetServer, type ServerModel } from './server-model.js';

/** A runner for the server of another program. It starts no process, but gets one request at a time like the others. */
export function startServerRunner(model: Model, access: ServerAccess, events: RunnerEvents): Runner {
  const stopped = new AbortController();
  const { signal } = stopped;
  let server: ServerModel | null = null;

  async function reply(request: RunnerRequest): Promise<void> {
    const reply = await outcome(request);
    if (!signal.aborted) events.reply(reply);
  }

  async function outcome(request: RunnerRequest): Promise<RunnerReply> {
    try {
      // Where this fails, the next call tries it again.
      server ??= await meetServer(model, access, signal);
      return { ok: true, answer: await answer(server, request, signal) };
    } catch (error) {
      return failureReply(error);
    }
  }

  return {
    send: (request) => void reply(request),
    // The open connection keeps this process alive during a call. Between calls nothing does.
    keepAlive: () => undefined,
    stop: async () => stopped.abort(),
  };
}

async function answer(
  server: ServerModel,
  request: RunnerRequest,
  signal: AbortSignal,
): Promise<RunnerAnswer> {
  const { fingerprint } = server;
  const started = performance.now();
  if (request.task === 'generate') {
    const { output, outputCut } = await server.generate(request.input, request.seed, signal);
    // Servers do not state how much of an input they read.
    return {
      task: 'generate',
      output,
      outputCut,
      cutTokens: 0,
      fingerprint,
      computeMs: performance.now() - started,
    };
  }
  const vectors = await server.embed(request.inputs, signal);
  return { task: 'embed', vectors, fingerprint, computeMs: performance.now() - started };
}
