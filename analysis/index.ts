export { AnalysisInputError } from './errors.js';
export type { Points } from './points.js';
export type { Trajectory } from './trajectory.js';
