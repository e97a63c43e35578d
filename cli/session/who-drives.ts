import { driverOf, isSamePlace, isSameService } from '../../db/index.js';
import type { Driver, DriverService, ExperimentRow, Store } from '../../db/index.js';
import { readRunInfo } from '../../workers/settings/data-folder.js';
import { configuredTemporal } from '../../workers/settings/temporal.js';
import type { BlockedWorkflows } from '../../workers/temporal/blocked-workflows.js';
import type { QueueState } from '../../workers/temporal/queue-states.js';
import { embeddedPlace } from '../../workers/temporal/service-identity.js';
import { errorMessage } from '../../common/errors.js';
import { isOpenExperiment } from '../../experiment/experiment-status.js';
import type { ExperimentStatus } from '../../experiment/experiment-status.js';
import type { Context } from '../context.js';
import { standstillOf } from './standstill.js';
import type { Standstill } from './standstill.js';
import type { Session } from './connection.js';

/** What drives an experiment now. `nobody` stands in the JSON of `status`. */
export type Driven =
  | { readonly by: 'process'; readonly pid: number; readonly uiAddress: string | null }
  | { readonly by: 'service'; readonly address: string }
  | { readonly by: 'nobody' }
  /** A service that is not ours. If it answers, it says so itself; else the database does. */
  | { readonly by: 'elsewhere'; readonly place: string; readonly answers: boolean }
  /** The configured service could not be asked. `reason` is a sentence. */
  | { readonly by: 'unknown'; readonly address: string; readonly reason: string };

/**
 * The status in an experiment's row; or `paused` or `deleting` if an operator asked for that; or `interrupted`
 * if the row says that work is under way and nothing drives it.
 */
export type State = ExperimentStatus | 'interrupted' | 'paused' | 'deleting';

export interface Observer {
  driven(row: ExperimentRow): Promise<Driven>;
  /**
   * The states of these task queues at the configured service, and of other queues on which runs wait for a
   * worker. Null if no service is configured, or if it does not answer.
   */
  queues(names: readonly string[]): Promise<QueueState[] | null>;
  /**
   * Why an experiment that is driven here stands still. Null if it does not, or if the service does not answer.
   */
  standstill(store: Store, row: ExperimentRow): Promise<Standstill | null>;
  /**
   * The workflows of an experiment driven here that wait for a worker with other code. Null if none does, or if
   * the service does not answer.
   */
  blocked(store: Store, row: ExperimentRow): Promise<BlockedWorkflows | null>;
  /** A sentence if the configured service lacks our search attributes. Null if it has them or does not say. */
  unindexed(): Promise<string | null>;
  close(): Promise<void>;
}

/** Looks once at the process of the data folder. Asks the Temporal service if one is configured. */
export function createObserver(context: Context): Observer {
  const running = readRunInfo(context.folder);
  const configured = configuredTemporal();
  let session: Promise<Session | null> | null = null;

  async function askService(driver: Driver, address: string): Promise<Driven> {
    const { workflowId, runId, service } = driver;
    // Temporal's client takes a third of a second to load, so load it only for a configured service.
    const { WorkflowNotFoundError } = await import('@temporalio/client');
    const { findSession } = await import('./open.js');
    try {
      session ??= findSession(context);
      const found = await session;
      if (found === null) return { by: 'nobody' };
      if (service != null && !isSameService(service, await found.identify(context.place))) {
        return await askElsewhere(driver, service);
      }
      const { status } = await found.client.workflow.getHandle(workflowId, runId).describe();
      return status.name === 'RUNNING' ? { by: 'service', address } : { by: 'nobody' };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return { by: 'nobody' };
      return { by: 'unknown', address, reason: errorMessage(error) };
    }
  }

  async function askElsewhere(driver: Driver, service: DriverService): Promise<Driven> {
    const { askOtherService } = await import('../../workers/temporal/ask-other-service.js');
    const asked = await askOtherService(driver, service, configured?.connectionOptions ?? {});
    if (asked === 'over') return { by: 'nobody' };
    return { by: 'elsewhere', place: service.place, answers: asked === 'running' };
  }

  return {
    async driven(row) {
      if (running !== undefined && running.experiment === row.id) {
        return { by: 'process', pid: running.pid, uiAddress: running.uiAddress ?? null };
      }
      const driver = driverOf(row);
      if (driver === null) return { by: 'nobody' };
      if (configured !== undefined) {
        return await askService(driver, configured.connectionOptions.address ?? 'the configured address');
      }
      const service = driver.service ?? null;
      if (service === null || isSamePlace(service.where, embeddedPlace(context.place)))
        return { by: 'nobody' };
      return await askElsewhere(driver, service);
    },
    async queues(names) {
      if (configured === undefined) return null;
      const { findSession } = await import('./open.js');
      const { queueStates } = await import('../../workers/temporal/queue-states.js');
      try {
        session ??= findSession(context);
        const found = await session;
        if (found === null) return null;
        const { abandonedQueues } = await import('../../workers/temporal/open-queues.js');
        return [...(await queueStates(found.client, names)), ...(await abandonedQueues(found.client, names))];
      } catch {
        // `driven` reports whether the service answers.
        return null;
      }
    },
    async standstill(store, row) {
      if (configured === undefined && running?.experiment !== row.id) return null;
      const { findSession } = await import('./open.js');
      const { openActivities } = await import('./open-activities.js');
      try {
        session ??= findSession(context);
        const found = await session;
        if (found === null) return null;
        return standstillOf(await openActivities(found.client.workflow, store, row), Date.now());
      } catch {
        return null;
      }
    },
    async blocked(store, row) {
      if (configured === undefined && running?.experiment !== row.id) return null;
      const { findSession } = await import('./open.js');
      const { blockedOfExperiment } = await import('./open-activities.js');
      try {
        session ??= findSession(context);
        const found = await session;
        return found === null ? null : await blockedOfExperiment(found.client.workflow, store, row);
      } catch {
        return null;
      }
    },
    async unindexed() {
      try {
        return (await (await session)?.unindexed()) ?? null;
      } catch {
        // `driven` reports whether the service answers.
        return null;
      }
    },
    async close() {
      const found = await session?.catch(() => null);
      await found?.stop();
    },
  };
}

export function stateOf({ status, pausedAt, deletingAt }: ExperimentRow, driven: Driven): State {
  if (deletingAt !== null) return 'deleting';
  const underWay = isOpenExperiment(status);
  if (underWay && pausedAt !== null) return 'paused';
  if (driven.by === 'process') return underWay ? status : 'running';
  return underWay && driven.by === 'nobody' ? 'interrupted' : status;
}

export function stateText(state: State): string {
  return state.replaceAll('_', ' ');
}

/** Which place drives the experiment, and how that is known. */
export function elsewhereText({ place, answers }: Extract<Driven, { by: 'elsewhere' }>): string {
  return answers ? `${place} runs it` : `${place} has it, as far as the database knows`;
}
