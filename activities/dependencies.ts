import type { Client } from '@temporalio/client';
import type { Driver, DriverService, Store } from '../db/index.js';
import type { Catalogue } from '../experiment/model.js';
import type { ModelPool, ServerAccess } from '../models/index.js';
import type { DiagramComputer } from './diagram-computer.js';

/** Which workers serve which models. */
export interface ModelRouting {
  /** The task queue for calls of this model. */
  queueOf(model: string): string;
  /** Whether this worker serves the model. */
  serves(model: string): boolean;
}

/**
 * The state of a driver on another service, as that service reports it. It is `unknown` if that service does
 * not answer.
 */
export type DriverElsewhere = 'running' | 'over' | 'unknown';

/** What the activities work with. Each worker process makes one. */
export interface Dependencies {
  readonly store: Store;
  readonly catalogue: Catalogue;
  readonly models: ModelPool;
  /**
   * The folder of model files on a worker that serves model calls. Null on a worker that does not, since it
   * cannot know what the others have.
   */
  readonly modelsFolder: string | null;
  /** The model servers that this worker may ask. */
  readonly servers: ServerAccess;
  readonly routing: ModelRouting;
  readonly diagrams: DiagramComputer;
  /** Asks whether the execution that drives an experiment still runs. */
  readonly client: Client;
  /**
   * The service behind `client`. It is asked each time: a server can lose its state and so become another
   * service while its workers go on.
   */
  readonly service: () => Promise<DriverService>;
  /**
   * Whether the namespace has the search attributes of our workflows. It is asked each time, since an operator
   * may create them while workers run.
   */
  readonly isIndexed: () => Promise<boolean>;
  /** Asks another service whether an execution on it still runs. */
  readonly askOtherService: (driver: Driver, service: DriverService) => Promise<DriverElsewhere>;
  /** How long one activity advances a run, in milliseconds. It always makes at least one step. */
  readonly activityMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}
