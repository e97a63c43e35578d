import type { ExperimentConfig } from './config.js';
import { laterDefaults } from './fields.js';

/** Reads a stored config. A field that did not exist when the config was stored gets its default. */
export function storedConfig(json: string): ExperimentConfig {
  // Only validated experiments are stored.
  const stored: ExperimentConfig = JSON.parse(json);
  return { ...laterDefaults(), ...stored };
}
