import { ApplicationFailure, Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { drivenElsewhere, driverOf, isSameService } from '../db/index.js';
import type { Driver, ExperimentRow } from '../db/index.js';
import { PanicError } from '../common/errors.js';
import { experimentId } from '../experiment/ids.js';
import { formatProblems } from '../experiment/index.js';
import { runCount } from '../experiment/config.js';
import type { ExperimentConfig } from '../experiment/config.js';
import { completeStatus } from '../experiment/experiment-status.js';
import { totalRuns } from '../experiment/run-status.js';
import { madeWith } from '../experiment/made-with.js';
import { excerptOf, visibleLine } from '../common/text.js';
import { unknownModels } from '../experiment/unknown-models.js';
import { askServers, explainUnfit, explainUnready, serverTroubles, unfitModels } from '../models/index.js';
import type {
  BookkeepingActivities,
  ExperimentEnding,
  ExperimentOutcome,
  ExperimentResult,
  Plan,
  Routing,
  RunRef,
  WorkFailure,
} from '../workflows/contract.js';
import type { Dependencies } from './dependencies.js';
import { bookkeepingFailure } from './failures.js';
import { givenExperiment } from './given-experiment.js';
import { whileHeartbeating } from './heartbeat.js';
import { missingModels } from './missing-models.js';
import { endedRunQueue, isRouted, routingOf } from './routing.js';
import { unknownToWorker } from './unknown-to-worker.js';

const LISTED_FAILURES = 50;
const NAME_EXCERPT = 100;

/** Pause between two attempts to become the driver. It doubles from the first value up to the longest. */
const FIRST_CLAIM_PAUSE_MS = 50;
const LONGEST_CLAIM_PAUSE_MS = 5000;

/** Makes the activities of the task queue `panic-tda`. */
export function createBookkeeping(deps: Dependencies): BookkeepingActivities {
  const { store, now } = deps;

  /**
   * Idempotent by the id of the experiment (its content) and by the calling execution. It reads the experiment
   * from the input in the workflow's history, since the workflow has already parsed the argument.
   */
  async function planExperiment(): Promise<Plan> {
    const { config, row } = await givenAndStored();
    const id = experimentId(config);
    await requireModels(config, row);
    // A model that no unfinished run calls may be missing from this catalogue. Then the stored origin of the
    // models stays.
    const allKnown = unknownModels(config, deps.catalogue).length === 0;
    const catalogue = allKnown ? madeWith(config, deps.catalogue) : null;
    await store.experiments.plan(id, config, now(), catalogue, Context.current().cancellationSignal);
    if (!(await becomeDriver(id, thisExecution()))) throw beingDeleted(id);
    const { pausedAt } = await store.experiments.standing(id);
    return {
      experiment: id,
      name: config.name === null ? null : excerptOf(visibleLine(config.name), NAME_EXCERPT),
      runs: runCount(config),
      concurrency: config.concurrency,
      weight: config.weight,
      embeddingModels: config.embedding_models,
      ...(isRouted(config, deps.routing) ? { routed: true as const } : {}),
      ...(pausedAt === null ? {} : { paused: true }),
      ...((await deps.isIndexed()) ? {} : { unindexed: true as const }),
    };
  }

  async function routeRun(ref: RunRef): Promise<Routing> {
    const run = await store.runs.get(ref.experiment, ref.index);
    const { next, ended } = await store.invocations.progress(run);
    if (ended !== null) {
      const { embedding_models } = await store.experiments.config(ref.experiment);
      return endedRunQueue(run, embedding_models, deps.routing);
    }
    return routingOf(run, next, false, [], deps.routing);
  }

  /** The experiment that the caller gave this workflow, and its row if the database has one. */
  async function givenAndStored(): Promise<{
    readonly config: ExperimentConfig;
    readonly row: ExperimentRow | null;
  }> {
    const validated = await givenExperiment(deps.client, thisExecution(), deps.catalogue);
    const config = validated.ok ? validated.config : validated.ifStored;
    const row = config === undefined ? null : await store.experiments.find(experimentId(config));
    if (config !== undefined && (validated.ok || row !== null)) return { config, row };
    throw new PanicError(
      'InvalidInput',
      formatProblems(validated.ok ? [] : validated.problems, 'the experiment'),
    );
  }

  /**
   * Checks the models that the remaining work calls.
   * @throws PanicError `InvalidInput` or `ModelFilesMissing` if this worker cannot have a model, or if a server
   * of a model is down.
   */
  async function requireModels(config: ExperimentConfig, row: ExperimentRow | null): Promise<void> {
    const {
      unknown,
      unready,
      served: ofServers,
      withFiles,
    } = await missingModels({ config, row, store }, deps);
    if (unknown.length > 0) throw unknownToWorker(deps.catalogue, unknown, row?.catalogue ?? null);
    const served = unready.filter(({ model }) => deps.routing.serves(model.name));
    if (served.length > 0) {
      const told = explainUnready(served, (...words) => ['panic-tda', ...words].join(' '));
      throw new PanicError('ModelFilesMissing', `models of this experiment cannot be used:\n${told}`);
    }
    const { cancellationSignal } = Context.current();
    if (deps.modelsFolder !== null) {
      const computed = withFiles.filter(({ name }) => deps.routing.serves(name));
      const unfit = await unfitModels(computed, deps.modelsFolder, cancellationSignal);
      if (unfit.length > 0) {
        const told = explainUnfit(unfit);
        throw new PanicError(
          'InvalidInput',
          `models of this experiment cannot be used as they are:\n${told}`,
        );
      }
    }
    const asked = ofServers.filter(({ name }) => deps.routing.serves(name));
    const troubles = serverTroubles(await askServers(asked, deps.servers, cancellationSignal));
    if (troubles.length === 0) return;
    throw new PanicError(
      'InvalidInput',
      `servers of models of this experiment cannot be used; nothing was done:\n${troubles.join('\n')}`,
    );
  }

  /**
   * Makes this execution the driver: only one execution at a time drives an experiment. The row names the
   * former driver, and this function asks its service whether that execution still runs. If another execution
   * claims the experiment in between, it looks again after a pause. Returns false if the experiment is being
   * deleted, since it then has no driver.
   */
  async function becomeDriver(id: string, driver: Driver): Promise<boolean> {
    const { cancellationSignal: signal } = Context.current();
    for (let pauseMs = FIRST_CLAIM_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_CLAIM_PAUSE_MS)) {
      signal.throwIfAborted();
      const here = await deps.service();
      const row = await store.experiments.get(id);
      if (row.deletingAt !== null) return false;
      const previous = driverOf(row);
      if (previous !== null && previous.runId !== driver.runId) {
        const service = previous.service ?? null;
        if (service !== null && !isSameService(service, here)) {
          const asked = await deps.askOtherService(previous, service);
          if (asked !== 'over') {
            throw alreadyRunning(drivenElsewhere(id, service.place, asked === 'running'));
          }
        } else if (await isRunning(previous)) {
          throw alreadyRunning(
            `experiment ${id} is already being run by workflow ${previous.workflowId}; wait for it or cancel it`,
          );
        }
      }
      if (await store.experiments.claim(id, { ...driver, service: here }, previous, now())) return true;
      await sleep(pauseMs, undefined, { signal });
    }
  }

  async function isRunning({ workflowId, runId }: Driver): Promise<boolean> {
    try {
      const { status } = await deps.client.workflow.getHandle(workflowId, runId).describe();
      return status.name === 'RUNNING';
    } catch (error) {
      // The state of the server may have been deleted. Then the rows decide.
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  }

  /**
   * Writes down a pause or resume that came as a signal. The command line writes its own into the rows first;
   * other clients do not.
   */
  async function recordPause(of: RunRef | { readonly experiment: string }, paused: boolean): Promise<void> {
    if ('index' in of) {
      const run = await store.runs.get(of.experiment, of.index);
      await store.runs.setHold(run, paused ? 'paused' : null, now());
    } else {
      await store.experiments.setPaused(of.experiment, paused, now());
    }
  }

  async function finishExperiment(id: string, ending: ExperimentEnding): Promise<ExperimentResult> {
    const { runCount: planned, driverWorkflowId } = await store.experiments.get(id);
    // After "workflow reset" this execution is not the one that planned.
    const drives =
      driverWorkflowId !== thisExecution().workflowId || (await becomeDriver(id, thisExecution()));
    const byStatus = await store.experiments.runsByStatus(id);
    const { deletingAt } = await store.experiments.standing(id);
    // The rows of an experiment that is being deleted disappear one by one. They cannot be compared with the
    // plan, and an ending need not be written.
    if (!drives || deletingAt !== null) return resultOf(id, 'cancelled', planned, byStatus, []);
    const total = totalRuns(byStatus);
    if (total !== planned) {
      throw new PanicError(
        'StoreConflict',
        `experiment ${id} has ${total} runs in the database; its plan has ${planned}. Run "panic-tda doctor".`,
      );
    }
    const status = outcomeOf(ending, byStatus.finished === planned);
    const failed = await store.runs.failed(id, LISTED_FAILURES);
    const firstFailure =
      failed[0] === undefined ? null : `run ${failed[0].runIndex}: ${failed[0].errorMessage}`;
    const error = ending.kind === 'failed' ? ending.message : firstFailure;
    await store.experiments.release(id, thisExecution(), status, error, now());
    const failedRuns = failed.map((run) => run.runIndex);
    return resultOf(id, status, planned, byStatus, failedRuns);
  }

  return {
    planExperiment: () => withHeartbeats(planExperiment),
    unfinishedRuns: ({ experiment, from, to }) =>
      withHeartbeats(async () =>
        (await store.runs.unfinished(experiment, from, to)).map((index) => index - from),
      ),
    routeRun: (ref) => withHeartbeats(() => routeRun(ref)),
    recordPause: (of, paused) => withHeartbeats(() => recordPause(of, paused)),
    stopRun: (ref, outcome) =>
      withHeartbeats(async () =>
        store.runs.stop(await store.runs.get(ref.experiment, ref.index), outcome, now()),
      ),
    finishExperiment: (id, ending) => withHeartbeats(() => finishExperiment(id, ending)),
  };
}

/**
 * Heartbeats during the work, so that the server notices a killed worker within seconds. Gives errors their
 * type for Temporal.
 */
async function withHeartbeats<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await whileHeartbeating(() => null, work);
  } catch (error) {
    throw bookkeepingFailure(error);
  }
}

function resultOf(
  experiment: string,
  status: ExperimentOutcome,
  runs: number,
  { finished, failed, cancelled }: Pick<ExperimentResult, 'finished' | 'failed' | 'cancelled'>,
  failedRuns: readonly number[],
): ExperimentResult {
  return { experiment, status, runs, finished, failed, cancelled, failedRuns };
}

function beingDeleted(id: string): PanicError {
  return new PanicError(
    'InvalidInput',
    `experiment ${id} is being deleted; "panic-tda delete ${id}" deletes the rest of it, and then it can be run from its start`,
  );
}

function alreadyRunning(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'AlreadyRunning' satisfies WorkFailure);
}

function outcomeOf(ending: ExperimentEnding, allFinished: boolean): ExperimentOutcome {
  if (ending.kind !== 'driven') return ending.kind;
  return completeStatus(allFinished);
}

function thisExecution(): Driver {
  const { workflowExecution } = Context.current().info;
  if (workflowExecution === undefined) throw new Error('this activity belongs to a workflow');
  return workflowExecution;
}
