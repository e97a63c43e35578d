import type { ExperimentConfig } from './config.js';
import { laterDefaults } from './fields.js';

/** A config as it was stored; what was stored before a field was there has its default. */
export function storedConfig(json: string): ExperimentConfig {
  // Only validated experiments are stored.
  return { ...laterDefaults(), ...(JSON.parse(json) as ExperimentConfig) };
}
