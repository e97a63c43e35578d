import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { makeFolder } from '../../common/make-folder.js';
import { PanicError } from '../../common/errors.js';
import { isThere } from '../../common/presence.js';
import { refuseNoFile } from '../../common/sqlite-file.js';
import { temporalServerEnvironment } from '../settings/temporal.js';
import { freeLoopbackPorts } from '../processes/free-ports.js';
import type { Place } from './hidden-ports.js';
import { tryKernelLock } from '../../common/kernel-lock.js';
import { holderText } from '../../common/lock-holder.js';
import { endProcess } from '../processes/own-processes.js';
import { orphansOn, recordServer } from './started-server.js';
import {
  StartFailure,
  supervise,
  type SupervisedProcess,
  type SupervisorEvent,
} from '../processes/supervisor.js';
import type { TemporalCli } from './cli-choice.js';
import { NEVER_ABORTED, patiently } from '../patience.js';
import { searchAttributes } from './search-attributes.js';
import { innerPorts, type ServerPorts } from './server-ports.js';
import { startDevSettings } from './service-settings.js';
import { prepareNamespaces, waitUntilServing } from './namespace-setup.js';
import { looksCorrupt, recordCliVersion, setStateAside, stateIsOfAnotherVersion } from './server-state.js';
import type { GuardedServer } from './http-guard.js';
import { serveWebUi } from './web-ui.js';

const host = '127.0.0.1';
const defaultNamespace = 'default';
const startAttempts = 3;
/**
 * For a server that was ready once, in a row. With their pauses they take some two minutes, which outlasts
 * passing trouble.
 */
const RESTART_ATTEMPTS = 10;

export interface TemporalServerOptions {
  readonly cli: Pick<TemporalCli, 'path' | 'version'>;
  /**
   * Temporal's own state, which may be lost. It is set aside if it is damaged or of another version of the
   * CLI.
   */
  readonly databaseFile: string;
  readonly logFile: string;
  /** Besides `default`. */
  readonly namespaces?: readonly string[];
  /** The names that a request for the web UI may use besides `localhost`. */
  readonly httpNames?: readonly string[];
  readonly onEvent?: (event: SupervisorEvent) => void;
  /** Gets a sentence for the user about unusual trouble that was dealt with. */
  readonly onNotice?: (sentence: string) => void;
  /** How long one start may take until the server answers; default 60 s. */
  readonly startTimeoutMs?: number;
  /** Time between SIGTERM and SIGKILL when stopping; default 5 s. The server itself takes one second. */
  readonly graceMs?: number;
}

export interface TemporalServer {
  /** host:port of the gRPC frontend. It stays the same when the server starts again. */
  readonly address: string;
  /**
   * URL of the web UI, behind our guard. It stays the same when the server starts again. Null if this machine
   * has no place for the UI that pages cannot reach.
   */
  readonly uiAddress: string | null;
  readonly namespace: string;
  /** Undefined between the end of one incarnation and the start of the next. */
  readonly pid: number | undefined;
  readonly restarts: number;
  /** Never resolves. Rejects with StartFailure if the server was ready once, and cannot become so again. */
  readonly givenUp: Promise<never>;
  /** Ends the server and releases its database file. */
  stop(): Promise<void>;
}

/**
 * Starts the Temporal CLI's server on free loopback ports with its state in `databaseFile`, and keeps it
 * running there: a server that dies is started again at the same address. First it ends a server on this file
 * that outlived its supervisor.
 * @throws PanicError InvalidInput if another living process runs a server on this file.
 * @throws StartFailure with the end of the server's log if it does not start.
 */
export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  makeFolder(dirname(options.databaseFile));
  // The path needs one spelling, since a server that was left behind is recognised by it.
  const databaseFile = join(realpathSync(dirname(options.databaseFile)), basename(options.databaseFile));
  // Another user may have made the folder, and the server would follow a link in it.
  refuseNoFile(databaseFile);
  const lock = tryKernelLock(`${databaseFile}.lock`);
  if (lock === undefined) {
    throw new PanicError(
      'InvalidInput',
      `A Temporal server on ${databaseFile} is already being run by ${holderText(`${databaseFile}.lock`)}.`,
    );
  }
  try {
    await endOrphans(databaseFile, options);
    const notice = options.onNotice ?? (() => undefined);
    if (stateIsOfAnotherVersion(databaseFile, options.cli.version)) {
      const aside = setStateAside(databaseFile);
      notice(
        `Temporal's state was written by another version of its CLI; it was moved to ${aside} and starts empty.`,
      );
    }
    let running;
    try {
      running = await startOnFreePorts(databaseFile, options);
    } catch (error) {
      if (!(error instanceof StartFailure && isThere(databaseFile) && looksCorrupt(error.logTail)))
        throw error;
      const aside = setStateAside(databaseFile);
      notice(`Temporal's state was damaged; it was moved to ${aside} and starts empty.`);
      running = await startOnFreePorts(databaseFile, options);
    }
    const { server, address, ui } = running;
    const webUi = ui() === null ? null : await guardedWebUi(running, options);
    return {
      address,
      uiAddress: webUi === null ? null : `http://${host}:${webUi.port}`,
      namespace: defaultNamespace,
      givenUp: server.givenUp,
      get pid() {
        return server.pid;
      },
      get restarts() {
        return server.restarts;
      },
      stop: async () => {
        await server.stop();
        await webUi?.close();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

interface RunningServer {
  readonly server: SupervisedProcess;
  readonly address: string;
  /** Where the UI itself is, until the server starts again. */
  readonly ui: () => Place | null;
}

async function guardedWebUi(
  { server, ui }: RunningServer,
  { httpNames = [] }: TemporalServerOptions,
): Promise<GuardedServer> {
  try {
    return await serveWebUi({ host, port: 0, names: httpNames, ui });
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function startOnFreePorts(
  databaseFile: string,
  options: TemporalServerOptions,
): Promise<RunningServer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(databaseFile, options);
    } catch (error) {
      // Another program took a port between our look and the server's start; or the kernel or an operator
      // killed the server; or it crashed by itself, as 1.32.0 sometimes does on a busy machine (a nil pointer
      // in worker.Service.Start).
      const passing =
        error instanceof StartFailure &&
        (error.killed || /address already in use|^panic: /im.test(error.logTail));
      if (!passing || attempt === startAttempts) throw error;
    }
  }
}

async function startOnce(databaseFile: string, options: TemporalServerOptions): Promise<RunningServer> {
  const { port } = await freeLoopbackPorts('port');
  let ports: ServerPorts = { port, ...(await innerPorts(options.onNotice)) };
  const address = `${host}:${port}`;
  const argsFor = (ports: ServerPorts): string[] =>
    serverArguments(databaseFile, ports, options.namespaces ?? []);
  const namespaces = [defaultNamespace, ...(options.namespaces ?? [])];
  recordCliVersion(databaseFile, options.cli.version);
  const command = options.cli.path;
  recordServer(databaseFile, { command, args: argsFor(ports) });
  const server = supervise({
    name: 'temporal server',
    command,
    args: argsFor(ports),
    // Few ports are closed to browsers, and another server may have taken them in the meantime.
    nextArgs: async () => {
      const next = await innerPorts(options.onNotice).catch(() => ports);
      // A server whose ports are not recorded could not be recognised later. The earlier ports are probably
      // free.
      if (recordIfPossible(databaseFile, { command, args: argsFor({ port, ...next }) }))
        ports = { port, ...next };
      return argsFor(ports);
    },
    cwd: dirname(databaseFile),
    env: temporalServerEnvironment(),
    logFile: options.logFile,
    ipc: false,
    startAttempts: 1,
    restartAttempts: RESTART_ATTEMPTS,
    ready: async (_pid, signal) =>
      await waitUntilServing(address, namespaces, signal, options.startTimeoutMs ?? 60_000),
    ...(options.graceMs === undefined ? {} : { graceMs: options.graceMs }),
    onEvent: (event) => {
      if (event.kind === 'started') {
        recordIfPossible(databaseFile, { command, args: argsFor(ports) }, event.pid);
      }
      options.onEvent?.(event);
    },
  });
  try {
    await server.ready;
    // If the server dies meanwhile, its supervisor starts it again.
    const prepared = patiently(() => prepareNamespaces(address, namespaces), { signal: NEVER_ABORTED });
    await Promise.race([prepared, server.givenUp]);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { server, address, ui: () => ports.ui };
}

/**
 * Records the server if the disk has room, and says whether it did. A full disk must not keep a dead server
 * from being started again, and the record of the earlier start remains.
 */
function recordIfPossible(...what: Parameters<typeof recordServer>): boolean {
  try {
    recordServer(...what);
    return true;
  } catch {
    return false;
  }
}

/**
 * The arguments of the Temporal CLI for our server: on loopback, with its state in a file. The process has to
 * be started in the folder of that file. Measured on 2 cores: without transferProcessorMaxPollRPS each step
 * of a workflow takes 100 ms, without WAL 98 ms, with both 20 ms.
 */
export function serverArguments(
  databaseFile: string,
  { port, httpPort, metricsPort, ui }: ServerPorts,
  namespaces: readonly string[],
): string[] {
  return [
    'server',
    'start-dev',
    ...flag('ip', host),
    ...flag('port', port),
    ...flag('http-port', httpPort),
    ...flag('metrics-port', metricsPort),
    ...(ui === null
      ? ['--headless']
      : [...flag('ui-ip', ui.host), ...flag('ui-port', ui.port), '--ui-disable-news-fetch']),
    // The server puts the last of these values into a URI unescaped, where "#", "?" and "%" have a meaning.
    // So that value is the name alone, and the server starts in that folder. The first value is for
    // `orphansOn`.
    ...flag('db-filename', databaseFile, basename(databaseFile)),
    ...flag('sqlite-pragma', 'journal_mode=WAL', 'synchronous=NORMAL'),
    ...flag('dynamic-config-value', ...startDevSettings),
    ...flag('search-attribute', ...searchAttributes.map((name) => `${name}=Keyword`)),
    ...flag('namespace', ...namespaces),
  ];
}

function flag(name: string, ...values: readonly (string | number)[]): string[] {
  return values.flatMap((value) => [`--${name}`, String(value)]);
}

/**
 * This process holds the lock, so a server on our file has lost its supervisor (SIGKILL). Two servers on one
 * file would damage it.
 */
async function endOrphans(databaseFile: string, { onNotice }: TemporalServerOptions): Promise<void> {
  for (const orphan of orphansOn(databaseFile)) {
    await endProcess(orphan, 5000);
    onNotice?.(
      `A Temporal server (process ${orphan.pid}) had outlived the program that started it; it was ended.`,
    );
  }
}
