import { describe, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Trajectory } from '../../analysis/index.js';

/** What independent programs say of small inputs, in JSON. */
const FOLDER = fileURLToPath(new URL('../../../shared/analysis/reference/', import.meta.url));

/** A float32 matrix: row-major, little-endian. */
export const EncodedMatrix = z.object({
  dtype: z.literal('float32'),
  shape: z.tuple([z.number(), z.number()]),
  base64: z.string(),
});

export function decodeMatrix({ shape: [, dimension], base64 }: z.output<typeof EncodedMatrix>): {
  points: Float32Array;
  dimension: number;
} {
  const bytes = Buffer.from(base64, 'base64');
  const points = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return { points, dimension };
}

/** `describe` if the reference is there. Elsewhere one skipped test, and a line that says so. */
export function describeReference(title: string, tests: () => void): void {
  if (existsSync(FOLDER)) {
    describe(title, tests);
    return;
  }
  // Jest prints no console output of a file whose tests are all skipped.
  process.stderr.write(`shared/analysis/reference is absent; skipped: ${title}\n`);
  // Jest accepts no empty suite.
  describe.skip(title, () => test('shared/analysis/reference is absent', () => {}));
}

/** One file of the reference, checked; call it inside of `describeReference`. */
export function readReference<T extends z.ZodType>(file: string, schema: T): z.output<T> {
  return schema.parse(JSON.parse(readFileSync(`${FOLDER}${file}`, 'utf8')));
}

/** Names of the JSON files of a folder of the reference, without the ending. */
export function referenceNames(folder: string): string[] {
  const files = existsSync(FOLDER) ? readdirSync(`${FOLDER}${folder}`) : [];
  return files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length));
}

/** A trajectory of the reference, with the part of `expected` that the schema names. */
export function readTrajectory<T extends z.ZodType>(
  name: string,
  expected: T,
): { trajectory: Trajectory; prompt: Float32Array; expected: z.output<T> } {
  const file = readReference(
    `trajectories/${name}.json`,
    z.object({
      vectors: EncodedMatrix,
      sequence: z.array(z.number()),
      prompt: EncodedMatrix,
      expected: z.unknown(),
    }),
  );
  const { points, dimension } = decodeMatrix(file.vectors);
  const trajectory = { vectors: points, dimension, sequence: Uint32Array.from(file.sequence) };
  return { trajectory, prompt: decodeMatrix(file.prompt).points, expected: expected.parse(file.expected) };
}
