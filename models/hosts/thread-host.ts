import { Worker } from 'node:worker_threads';
import { childEnvironment } from '../../experiment/child-environment.js';
import { compiledFile } from '../../experiment/compiled-file.js';
import type { Host, HostEvents } from './host-group.js';
import type { HostReply } from './host-protocol.js';

/** Starts a thread that runs built-in models. */
export function startThreadHost(events: HostEvents): Host {
  const worker = new Worker(compiledFile('models/hosts/thread-main.js'), {
    execArgv: [],
    env: childEnvironment('thread'),
  });
  let failure = '';
  worker.on('message', (reply: HostReply) => events.reply(reply));
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
