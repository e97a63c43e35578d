import { createHash, randomBytes } from 'node:crypto';
import { picked } from '../common/records.js';
import type { ExperimentConfig, SurrogateKind } from './config.js';
import { isInId, KEPT_FIELD_NAMES } from './fields.js';

/** SHA-256 as 64 lower-case hex digits; a string is hashed as its UTF-8 bytes. */
export function sha256Hex(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/**
 * JSON with the keys of every object sorted by code unit and no spaces, so that equal values have equal text
 * (the ordering of RFC 8785, section 3.2.3). Accepts what JSON can hold, and leaves out keys whose value is
 * undefined.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
      .filter(([, entry]) => entry !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/**
 * The experiment's id: 12 hex digits (48 bits) of the SHA-256 of everything that decides its results.
 * `concurrency` and `weight` only decide how fast the results come. So they are left out and may change
 * between two starts of one experiment. Drawn seeds are left out too: an experiment that draws its seeds has
 * the same id as one that a user gave the same seeds.
 */
export function experimentId(config: ExperimentConfig): string {
  const identity = picked(
    config,
    KEPT_FIELD_NAMES.filter((name) => isInId(name, config)),
  );
  return sha256Hex(canonicalJson(identity)).slice(0, 12);
}

/**
 * The seed of a run in its configuration (-1 or >= 0), and the seed that the planning of a run with seed -1
 * drew.
 */
export interface RunSeed {
  readonly seed: number;
  readonly drawnSeed: number | null;
}

/** A seed for a run with seed -1: 53 random bits, the most that a JSON number holds exactly. */
export function drawRunSeed(): number {
  return first53Bits(randomBytes(8));
}

/** The seed of step `sequence` of a run with seed -1: the first 53 bits of SHA-256 of "runSeed:sequence". */
export function stepSeed(runSeed: number, sequence: number): number {
  return first53Bits(createHash('sha256').update(`${runSeed}:${sequence}`).digest());
}

/**
 * The seed that the model of step `sequence` gets. A fixed seed serves every step; otherwise the seed of the
 * step is derived from the drawn seed. Throws if a run with seed -1 was stored without its drawn seed.
 */
export function seedOfStep(run: RunSeed, sequence: number): number {
  if (run.seed >= 0) return run.seed;
  if (run.drawnSeed === null) {
    throw new Error('a run with seed -1 has no drawn seed; planning it should have drawn one');
  }
  return stepSeed(run.drawnSeed, sequence);
}

/**
 * The seed of a surrogate: the first 53 bits of SHA-256 of "points:kind:index", where `points` is the digest
 * of the diagram's points in hexadecimal. So a program can make a surrogate again from stored values.
 */
export function surrogateSeed(pointsSha256: Uint8Array, kind: SurrogateKind, index: number): number {
  const points = Buffer.from(pointsSha256).toString('hex');
  return first53Bits(createHash('sha256').update(`${points}:${kind}:${index}`).digest());
}

function first53Bits(bytes: Buffer): number {
  return bytes.readUInt32BE(0) * 2 ** 21 + (bytes.readUInt32BE(4) >>> 11);
}
