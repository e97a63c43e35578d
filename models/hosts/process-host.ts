import { type ChildProcess, fork } from 'node:child_process';
import { compiledFile } from '../../experiment/compiled-file.js';
import type { Host, HostEvents } from './host-group.js';
import type { HostReply } from './host-protocol.js';
import type { LoadTask } from '../loaded-model.js';

const STDERR_TAIL_CHARACTERS = 500;

/** A host process, and its id for whoever looks after processes. */
export interface ProcessHost extends Host {
  readonly processId: number | undefined;
}

/** Starts a process that loads and runs one neural model; it is told which as JSON in its first argument. A native crash, leak or abort ends it and nothing else. */
export function startProcessHost(task: LoadTask, events: HostEvents): ProcessHost {
  const child = fork(compiledFile(import.meta.url, 'process-main.js'), [JSON.stringify(task)], {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let tail = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-STDERR_TAIL_CHARACTERS);
  });
  child.on('message', (reply) => events.reply(reply as HostReply));
  child.on('error', (error) => {
    if (child.pid === undefined) events.ended(`did not start: ${error.message}`);
  });
  const gone = new Promise<void>((resolve) => {
    if (child.pid === undefined) resolve();
    child.on('exit', (code, signal) => {
      const how = signal === null ? `with code ${code}` : `by ${signal}`;
      const said = tail.trim() === '' ? '' : `; it said: ${tail.trim()}`;
      events.ended(`ended ${how}${said}`);
      resolve();
    });
  });
  keepAlive(child, false);
  return {
    processId: child.pid,
    // A failed send means that the process is ending, which 'exit' reports.
    send: (request) => void child.send(request, () => {}),
    keepAlive: (keep) => keepAlive(child, keep),
    stop: async () => {
      keepAlive(child, true);
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** An idle host must not keep its parent running; the process, its channel and its pipe each would. */
function keepAlive(child: ChildProcess, keep: boolean): void {
  const stderr = child.stderr as (NodeJS.ReadableStream & { ref?(): void; unref?(): void }) | null;
  if (keep) {
    child.ref();
    child.channel?.ref();
    stderr?.ref?.();
  } else {
    child.unref();
    child.channel?.unref();
    stderr?.unref?.();
  }
}
