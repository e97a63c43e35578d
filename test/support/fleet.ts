import type { Client, WorkflowHandle } from '@temporalio/client';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExperimentResult } from '../../activities/index.js';
import type { experiment } from '../../workflows/index.js';
import { startPanicTda, type Ended, type Running, until } from './cli-process.js';
import { runCommand } from './standing-program.js';
import { connectClient, suiteAddress, takeNamespace } from './suite-server.js';
import { startServer } from './temporal-servers.js';
import { sharedTemporaryFolder } from './temporary-folder.js';

/** A namespace and a data folder that several workers share. */
export interface Fleet {
  readonly folder: string;
  readonly data: string;
  readonly client: Client;
  /** The variables by which a command uses them. */
  readonly env: Readonly<Record<string, string>>;
  /** Starts `panic-tda worker …` and waits until it serves. `main` may be another version of the program. */
  worker(args: readonly string[], env?: Readonly<Record<string, string>>, main?: string): Promise<Running>;
  start(file: unknown, workflowId: string): Promise<WorkflowHandle<typeof experiment>>;
  /** Starts a command on the data folder and the service, in a process of its own. */
  command(args: readonly string[], env?: Readonly<Record<string, string>>, main?: string): Running;
  /** The same in the process that the test file keeps (`runCommand`). */
  shortCommand(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  /** The JSON document of a short command. Throws with its standard error if it printed none. */
  json(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<unknown>;
  close(): Promise<void>;
}

/** A namespace of a Temporal server. */
interface Service {
  readonly address: string;
  readonly namespace: string;
  readonly stop: () => Promise<void>;
}

function suiteService(): Service {
  return { address: suiteAddress(), namespace: takeNamespace(), stop: async () => undefined };
}

/**
 * Opens a fleet on a Temporal server of its own, which knows worker deployments. The suite's server does not
 * (test/global-setup.mjs).
 */
export async function openVersionedFleet(env: Readonly<Record<string, string>> = {}): Promise<Fleet> {
  const { server } = await startServer(sharedTemporaryFolder());
  const { address, namespace } = server;
  return await openFleet(null, env, { address, namespace, stop: () => server.stop() });
}

export async function openFleet(
  routes: Readonly<Record<string, string>> | null = null,
  env: Readonly<Record<string, string>> = {},
  { address, namespace, stop }: Service = suiteService(),
): Promise<Fleet> {
  const folder = sharedTemporaryFolder();
  const data = join(folder, 'data');
  mkdirSync(data);
  if (routes !== null) writeFileSync(join(data, 'routes.json'), JSON.stringify(routes));
  const { client, close } = await connectClient(namespace, address);
  const service = {
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    PANIC_TDA_ACTIVITY_MS: '1000',
    ...env,
  };
  const workers: Running[] = [];
  const command = (
    args: readonly string[],
    more: Readonly<Record<string, string>> = {},
    main?: string,
  ): Running => startPanicTda(folder, [...args, '--data', data], { ...service, ...more }, main);
  const shortCommand = async (
    args: readonly string[],
    more: Readonly<Record<string, string>> = {},
  ): Promise<Ended> => await runCommand(folder, [...args, '--data', data], { ...service, ...more });
  return {
    folder,
    data,
    client,
    env: service,
    command,
    shortCommand,
    json: async (args, more) => {
      const { stdout, stderr } = await shortCommand([...args, '--json'], more);
      if (stdout === '') throw new Error(stderr);
      return JSON.parse(stdout);
    },
    worker: async (args, more, main) => {
      const worker = command(['worker', ...args], more, main);
      workers.push(worker);
      await serving(worker, args.includes('--listen'));
      return worker;
    },
    start: (file, workflowId) =>
      client.workflow.start<typeof experiment>('experiment', {
        taskQueue: 'panic-tda',
        workflowId,
        args: [file],
      }),
    close: async () => {
      for (const { process } of workers) process.kill('SIGKILL');
      await Promise.all(workers.map(({ ended }) => ended));
      await close();
      await stop();
    },
  };
}

/**
 * Resolves when a worker polls its queues and, if it `listens`, has printed its address. Throws with its
 * output if it ended instead.
 */
export async function serving(worker: Running, listens = false): Promise<void> {
  let code: number | null | undefined;
  void worker.ended.then((ended) => (code = ended.code));
  await until(
    () => {
      if (code !== undefined) throw new Error(`the worker ended with ${code}: ${worker.stderr()}`);
      return (listens ? /^Health: .*\n/m : / serves panic-tda/).test(worker.stderr());
    },
    () => worker.stderr(),
  );
}

export async function resultOf(handle: WorkflowHandle<typeof experiment>): Promise<ExperimentResult> {
  return await handle.result();
}

/** One attempt of an activity in the history of its workflow. */
export interface Attempt {
  readonly activity: string;
  readonly queue: string;
  readonly by: string;
  /** Type or kind of the failure of the attempt before it. */
  readonly after: string | null;
}

/** The last attempt of each activity of a workflow, in the order of their ends. */
export async function attemptsOf(client: Client, workflowId: string): Promise<Attempt[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const byId = new Map((events ?? []).map((event) => [String(event.eventId), event]));
  return (events ?? []).flatMap(({ activityTaskStartedEventAttributes: started }) => {
    if (!started) return [];
    const scheduled = byId.get(String(started.scheduledEventId))?.activityTaskScheduledEventAttributes;
    const failure = started.lastFailure;
    return [
      {
        activity: scheduled?.activityType?.name ?? '',
        queue: scheduled?.taskQueue?.name ?? '',
        by: started.identity ?? '',
        after: failure
          ? (failure.applicationFailureInfo?.type ?? (failure.timeoutFailureInfo ? 'Timeout' : 'other'))
          : null,
      },
    ];
  });
}

/** The activities of a workflow that have not ended, with the worker of each. */
export async function pendingOf(client: Client, workflowId: string) {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  return raw.pendingActivities ?? [];
}

/** The lines `name{label="value",…} number` of this metric in a text of Prometheus. */
export function samplesOf(text: string, metric: string): { labels: string; value: number }[] {
  return text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    return name === metric ? [{ labels, value: Number(value) }] : [];
  });
}

/** The address of a worker that was started with --listen. */
export function addressOf(worker: Running): string {
  const [, address] = /Health: (http:\/\/\S+)\/health/.exec(worker.stderr()) ?? [];
  if (address === undefined) throw new Error(`it does not listen: ${worker.stderr()}`);
  return address;
}
