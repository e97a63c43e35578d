export type { Design } from './arrangements.js';
export { AnalysisInputError } from './errors.js';
export type { Points } from './points.js';
export type { RelabellingInput, RelabellingTest } from './relabelling.js';
export { relabellingTest } from './relabelling.js';
export type { Trajectory } from './trajectory.js';
