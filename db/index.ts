export { DATABASE_FILE, OBJECTS_FOLDER, openStore, openStoreReadonly } from './store.js';
export type { Store } from './store.js';
export type { Driver, ExperimentRow } from './experiments.js';
export type { FailureRow, RunRow, Stage } from './runs.js';
export type { Committed, Cycle, Position, Step } from './invocations.js';
export type { NewVector, PendingOutput, PointCloud } from './vectors.js';
export type { DiagramDimension, NewDiagram, RunEntropy } from './diagrams.js';
export type { EntropySummary, Progress, Summary } from './summary.js';
export type { ExperimentStatus, RunStatus } from './schema.js';
