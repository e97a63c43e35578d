import { join } from 'node:path';
import { mustRun, script } from './python-programs.js';

/** The families of clouds that clouds.py describes. */
export const FAMILIES = ['drift', 'attractor', 'limit_cycle', 'iid'] as const;
export type Family = (typeof FAMILIES)[number];

/** Coordinates of a point. */
export const CLOUD_DIMENSION = 768;

/** Writes a cloud into the folder; returns the file's path. */
export function writeCloud(
  python: string,
  folder: string,
  family: Family,
  pointCount: number,
  seed: number,
): string {
  const file = join(folder, `${family}-${pointCount}-${seed}.f32`);
  mustRun(
    python,
    [script('common/clouds.py'), family, String(pointCount), String(seed), file],
    `the cloud ${family} of ${pointCount} points was not made`,
  );
  return file;
}
