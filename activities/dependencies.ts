import type { Client } from '@temporalio/client';
import type { Driver, DriverService, Store } from '../db/index.js';
import type { Catalogue } from '../experiment/model.js';
import type { ModelPool, ServerAccess } from '../models/index.js';
import type { DiagramComputer } from './diagram-computer.js';

/** Where models are served. */
export interface ModelRouting {
  /** Task queue of the calls of this model. */
  queueOf(model: string): string;
  /** Whether this worker serves the model. */
  serves(model: string): boolean;
}

/** What became of a driver that is on another service than ours: as that says, or `unknown` where it does not answer. */
export type DriverElsewhere = 'running' | 'over' | 'unknown';

/** What activities are made of; a worker makes one of each for its process. */
export interface Dependencies {
  readonly store: Store;
  readonly catalogue: Catalogue;
  readonly models: ModelPool;
  /** Where model files are, on a worker that serves model calls; null on one that does not and cannot know. */
  readonly modelsFolder: string | null;
  /** Which servers of models may be asked. */
  readonly servers: ServerAccess;
  readonly routing: ModelRouting;
  readonly diagrams: DiagramComputer;
  /** To see whether the execution that drives an experiment is alive. */
  readonly client: Client;
  /** Which service `client` asks: now, since one may lose its state and be another while its workers stay. */
  readonly service: () => Promise<DriverService>;
  /** Whether the namespace has the search attributes of our workflows: now, since an operator may make them while workers stay. */
  readonly isIndexed: () => Promise<boolean>;
  /** Asks another service whether an execution on it still runs. */
  readonly askOtherService: (driver: Driver, service: DriverService) => Promise<DriverElsewhere>;
  /** For how many milliseconds one activity advances a run, at least a step. */
  readonly activityMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}
