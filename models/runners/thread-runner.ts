import { Worker } from 'node:worker_threads';
import { childEnvironment } from '../../common/child-environment.js';
import { compiledFile } from '../../common/compiled-file.js';
import type { Runner, RunnerEvents } from './runner-group.js';
import type { RunnerReply } from './runner-protocol.js';

/** Starts a thread that runs built-in models. */
export function startThreadRunner(events: RunnerEvents): Runner {
  const worker = new Worker(compiledFile('models/runners/thread-main.js'), {
    execArgv: [],
    env: childEnvironment('thread'),
  });
  let failure = '';
  worker.on('message', (reply: RunnerReply) => events.reply(reply));
  worker.on('error', (error: Error) => {
    failure = `: ${error.message}`;
  });
  worker.on('exit', (code) => events.ended(`ended (its thread exited with code ${code}${failure})`));
  worker.unref();
  return {
    send: (request, transfer) => worker.postMessage(request, [...transfer]),
    keepAlive: (keep) => (keep ? worker.ref() : worker.unref()),
    stop: async () => {
      await worker.terminate();
    },
  };
}
