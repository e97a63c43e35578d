import type { ClientConnectConfig } from '@temporalio/envconfig';
import { errorMessage, isPanicError } from '../../common/errors.js';
import { listed } from '../../common/problems.js';
import { configuredTemporal } from '../../workers/settings/temporal.js';
import { mixedCodeText } from '../../workers/temporal/mixed-code.js';
import { blockedWorkflows } from '../../workers/temporal/blocked-workflows.js';
import { abandonedQueues } from '../../workers/temporal/open-queues.js';
import { queueStates } from '../../workers/temporal/queue-states.js';
import { allQueues, originOfRoutes } from '../../workers/settings/routes.js';
import { findTemporalCli } from '../../workers/temporal/cli.js';
import { type Context, readingStore } from '../context.js';
import { type Routed, routedBy } from '../session/known-routes.js';
import { blockedText } from '../documents/blocked.js';
import { problemOf } from '../documents/queues.js';
import { plural } from '../terminal/format.js';
import { findSession } from '../session/open.js';
import type { Session } from '../session/connection.js';
import { info, ok, problem, warning } from './finding.js';
import type { Finding } from './finding.js';
import { checkSetUp } from './service.js';

export async function* checkTemporal(context: Context): AsyncGenerator<Finding> {
  const configured = configuredService();
  if (configured instanceof Error) yield problem(`Temporal's client configuration: ${configured.message}`);
  else if (configured !== null) yield* checkService(context, configured.connectionOptions);
  else {
    yield info('no Temporal service is configured (TEMPORAL_ADDRESS): runs start their own server');
    yield* checkRunningServer(context);
  }
  try {
    const { path, version, tried } = await findTemporalCli({
      fetch: false,
      environment: context.environment,
    });
    yield ok(`Temporal CLI ${version}: ${path}`);
    for (const { where, outcome } of tried) yield info(`${where}: ${outcome}`);
  } catch (error) {
    if (!isPanicError(error)) throw error;
    // With a configured service, no server of our own is needed.
    yield configured === null ? problem(error.message) : warning(error.message);
  }
}

function configuredService(): ClientConnectConfig | Error | null {
  try {
    return configuredTemporal() ?? null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Checks the server of a `run` that is under way. */
async function* checkRunningServer(context: Context): AsyncGenerator<Finding> {
  try {
    const session = await findSession(context);
    if (session === null) return;
    try {
      yield* checkWorkflows(session);
    } finally {
      await session.stop();
    }
  } catch (error) {
    yield problem(errorMessage(error));
  }
}

async function* checkWorkflows({ client }: Session): AsyncGenerator<Finding> {
  const blocked = await blockedWorkflows(client.workflow, 'all');
  if (blocked !== null) yield problem(blockedText(blocked));
}

/** Uses only the routes of the file if the database does not answer. The check of the database reports that. */
async function routes(context: Context): Promise<Routed> {
  try {
    return await readingStore(context, async (store) => await routedBy(context, store));
  } catch (error) {
    if (!isPanicError(error)) throw error;
    return await routedBy(context, null);
  }
}

function* routesFound({ routes }: Context): Generator<Finding> {
  for (const [model, route] of routes.byModel) {
    yield info(`${model} has the route ${route} (from ${originOfRoutes(routes)})`);
  }
}

async function* checkService(
  context: Context,
  options: ClientConnectConfig['connectionOptions'],
): AsyncGenerator<Finding> {
  try {
    const session = await findSession(context);
    if (session === null) return;
    try {
      yield ok(`the configured Temporal service at ${session.address} answers`);
      const refused = yield* checkSetUp(session, options);
      if (refused?.calls.some(({ role }) => role === 'reader')) {
        yield info(
          'search attributes, task queues and blocked workflows are not checked, since that needs the right to read',
        );
        return;
      }
      const unindexed = await session.unindexed();
      if (unindexed !== null) yield warning(unindexed);
      const { context: routed, disagreement } = await routes(context);
      if (disagreement !== null) yield warning(disagreement);
      // `checkEnvironment` named the routes of a file that agrees.
      if (context.routes.file === null || disagreement !== null) yield* routesFound(routed);
      const queues = allQueues(routed.routes);
      const abandoned = await abandonedQueues(session.client, queues);
      for (const state of [...(await queueStates(session.client, queues)), ...abandoned]) {
        const { queue, workers, backlog, unversioned } = state;
        const mixed = mixedCodeText(unversioned);
        if (mixed !== null) yield warning(mixed);
        const wrong = problemOf(routed, state);
        const waiting = backlog === 0 ? '' : `, ${plural(backlog, 'task')} waiting`;
        if (wrong !== null) yield warning(wrong);
        else yield ok(`${queue} is served by ${listed(workers)}${waiting}`);
      }
      yield* checkWorkflows(session);
    } finally {
      await session.stop();
    }
  } catch (error) {
    yield problem(errorMessage(error));
  }
}
