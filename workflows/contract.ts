/**
 * What the workflows ask of the activities, by task queue. Only ids and small numbers cross, so a payload stays
 * under 2 KB for every experiment. Every activity can run twice; each implementation says by which key it is
 * idempotent.
 */

export interface RunRef {
  readonly experiment: string;
  readonly index: number;
}

export interface Plan {
  readonly experiment: string;
  /** A short form of the name, for people. */
  readonly name: string | null;
  readonly runs: number;
  readonly concurrency: number;
  /** Share of the workers beside other experiments; see ExperimentConfig. */
  readonly weight: number;
  readonly embeddingModels: readonly string[];
  /**
   * A model of the experiment has a task queue of its own, so each run asks for the queue of its first step.
   */
  readonly routed?: true;
  /** An operator paused all runs. Absent: no pause. */
  readonly paused?: boolean;
  /** The namespace lacks the search attributes, so the workflows set none. */
  readonly unindexed?: true;
}

export type ExperimentOutcome = 'completed' | 'completed_with_failures' | 'cancelled' | 'failed';

/** Why the workflow stops driving the runs of an experiment. */
export type ExperimentEnding =
  | { readonly kind: 'driven' }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly message: string };

export interface ExperimentResult {
  readonly experiment: string;
  readonly status: ExperimentOutcome;
  readonly runs: number;
  readonly finished: number;
  readonly failed: number;
  readonly cancelled: number;
  /** The first failed runs. The database has all of them. */
  readonly failedRuns: readonly number[];
}

/** Task queue `panic-tda`. */
export interface BookkeepingActivities {
  /** Validates the experiment, makes its rows and makes the calling workflow its driver. */
  planExperiment(file: unknown): Promise<Plan>;
  /** Offsets from `from` of the runs in [from, to) that are neither finished nor failed. */
  unfinishedRuns(range: {
    readonly experiment: string;
    readonly from: number;
    readonly to: number;
  }): Promise<number[]>;
  /** Answers on which queue the next step of a run belongs, by the routes of the worker that answers. */
  routeRun(run: RunRef): Promise<Routing>;
  /** Writes down that an experiment, or one run of it, was paused or resumed by a signal. */
  recordPause(of: RunRef | { readonly experiment: string }, paused: boolean): Promise<void>;
  /** Writes down that a run ended without finishing. */
  stopRun(run: RunRef, outcome: RunStop): Promise<void>;
  /** Checks the rows against the plan and closes the experiment. */
  finishExperiment(experiment: string, ending: ExperimentEnding): Promise<ExperimentResult>;
}

export type RunStop =
  | { readonly status: 'failed'; readonly kind: string; readonly message: string }
  | { readonly status: 'cancelled' };

/**
 * Types of failure that the workflows and their activities have beside the kinds of `common/errors.ts`.
 * Histories and rows keep these names. `AlreadyRunning`: another workflow drives the experiment.
 * `RoutesDisagree`: workers sent a run back and forth. `Timeout`: an activity took longer than it may.
 * `UnknownActivity`: the worker has another version. `WorkerShutdown`: a worker gave its work back because it
 * stops.
 */
export type WorkFailure =
  | 'AlreadyRunning'
  | 'RoutesDisagree'
  | 'Timeout'
  | 'UnknownActivity'
  | 'WorkerShutdown';

/**
 * On which task queues a run continues, by the routes of the worker that answers. Workflows know no routes:
 * they follow these answers.
 */
export interface Routing {
  /** The queue for the model of the next step. Absent: `panic-tda-gpu`. */
  readonly queue?: string;
  /** The queues for those embedding models of an ended run that have a queue of their own. */
  readonly embeddingQueues?: Readonly<Record<string, string>>;
}

/**
 * The embeddings and diagrams that an activity made after the last invocation, by embedding model. Absent:
 * none.
 */
export interface Analysed {
  readonly embedded?: readonly string[];
  readonly measured?: readonly string[];
}

/** What an operator asked for, by the rows. The activity did nothing because of it. */
export type Held = 'run-paused' | 'experiment-paused' | 'run-cancelled';

export interface RunAdvance extends Analysed, Routing {
  /** Absent: the activity advanced the run. */
  readonly held?: Held;
  /** Sequence of the next invocation. */
  readonly next: number;
  readonly maxLength: number;
  readonly ended: 'length' | 'cycle' | null;
  /** Period of the cycle that was found, in invocations. */
  readonly cycleLength: number | null;
  /** A short form of the run, for people. */
  readonly network: string;
  readonly seed: number;
  readonly prompt: string;
}

/** Task queue `panic-tda-gpu`, and the queues of models that have a route. */
export interface ModelActivities {
  /**
   * Advances a run by as many invocations as fit in the time budget, at least one. Uses the time left for the
   * analysis of the run. Stops before a step whose model this worker does not serve, and names the queue of
   * that model.
   */
  advanceRun(run: RunRef): Promise<RunAdvance>;
  /**
   * Gives every eligible output of an ended run its vector. Returns how many it computed, or the queue to ask
   * if the worker does not serve the model.
   */
  embedRun(run: RunRef, model: string): Promise<number | { readonly queue: string }>;
}

export interface DiagramSummary {
  readonly points: number;
  /** Bars by dimension. */
  readonly bars: readonly number[];
}

/** Task queue `panic-tda-cpu`. */
export interface DiagramActivities {
  /** Computes the diagram of an embedded run. The last diagram of a run also marks the run finished. */
  diagramRun(run: RunRef, model: string): Promise<DiagramSummary>;
}
