/**
 * What the workflows ask for, by task queue. Only ids and small numbers cross: a payload stays under 2 KB whatever the
 * experiment. Every activity can be run twice; each implementation says by which key.
 */

export interface RunRef {
  readonly experiment: string;
  readonly index: number;
}

export interface Plan {
  readonly experiment: string;
  /** In a few words, for people. */
  readonly name: string | null;
  readonly runs: number;
  readonly concurrency: number;
  /** Share of the workers beside other experiments; see ExperimentConfig. */
  readonly weight: number;
  readonly embeddingModels: readonly string[];
  /** Where a model of the experiment has a task queue of its own: each run then asks for the one that it begins on. */
  readonly routed?: true;
  /** An operator holds all runs; absent: nobody does. */
  readonly paused?: boolean;
  /** The namespace lacks the search attributes, so that the workflows set none. */
  readonly unindexed?: true;
}

export type ExperimentOutcome = 'completed' | 'completed_with_failures' | 'cancelled' | 'failed';

/** Why the runs of an experiment are not driven any further. */
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
  /** The first failed runs; the rest is in the database. */
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
  /** Where the next step of a run is to be made, as the book-keeper's routes say. */
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
 * Types of failure that the workflows and their activities have beside the kinds of `common/errors.ts`. Histories and rows keep these
 * names. `AlreadyRunning`: another workflow drives the experiment. `RoutesDisagree`: workers sent a run back and forth. `Timeout`: an
 * activity took longer than it may. `UnknownActivity`: the worker is of another version. `WorkerShutdown`: a worker that stops gave
 * its work back.
 */
export type WorkFailure =
  | 'AlreadyRunning'
  | 'RoutesDisagree'
  | 'Timeout'
  | 'UnknownActivity'
  | 'WorkerShutdown';

/**
 * On which task queues a run goes on, as the worker that answers has it in its routes. Workflows know no routes: they take a run
 * where it is sent.
 */
export interface Routing {
  /** Of the model of the next step. Absent: `panic-tda-gpu`. */
  readonly queue?: string;
  /** Of those embedding models of an ended run that have a queue of their own. */
  readonly embeddingQueues?: Readonly<Record<string, string>>;
}

/** What an activity did of the stages after the invocations, by names of embedding models. Absent: nothing. */
export interface Analysed {
  readonly embedded?: readonly string[];
  readonly measured?: readonly string[];
}

/** What the rows say an operator asked for, so that nothing was done. */
export type Held = 'run-paused' | 'experiment-paused' | 'run-cancelled';

export interface RunAdvance extends Analysed, Routing {
  /** Absent: the run was advanced. */
  readonly held?: Held;
  /** Sequence of the next invocation. */
  readonly next: number;
  readonly maxLength: number;
  readonly ended: 'length' | 'cycle' | null;
  /** Period of the cycle that was found, in invocations. */
  readonly cycleLength: number | null;
  /** The run in a few words, for people. */
  readonly network: string;
  readonly seed: number;
  readonly prompt: string;
}

/** Task queue `panic-tda-gpu`, and the queues of models that have a route. */
export interface ModelActivities {
  /**
   * Advances a run by as many invocations as fit in the time budget, at least one, and uses what is left for its analysis. Stops
   * before a step whose model this worker does not serve, and names the queue that does.
   */
  advanceRun(run: RunRef): Promise<RunAdvance>;
  /**
   * Gives every eligible output of an ended run its vector; returns how many were computed, or the queue to ask where the
   * worker does not serve the model.
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
  /** Computes the diagram of an embedded run; the last one of a run also marks it finished. */
  diagramRun(run: RunRef, model: string): Promise<DiagramSummary>;
}
