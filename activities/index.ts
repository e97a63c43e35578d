export { createAdvanceRun } from './advance-run.js';
export { createBookkeeping } from './bookkeeping.js';
export { createDiagramRun } from './diagram-run.js';
export type { ComputedDiagram, DiagramComputer, DiagramRequest, DiagramSize } from './diagram-run.js';
export type { Dependencies, DriverElsewhere } from './dependencies.js';
export { type MissingModels, missingModels } from './missing-models.js';
export { createEmbedRun } from './embed-run.js';
export { isWorkerShutdown } from './failures.js';
export type { ExperimentResult, Plan } from './contract.js';
