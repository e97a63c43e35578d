import { lowestVertex } from '../../tda/bit-rows.js';

/**
 * `intersect` and `apex` of tda/assembly/kernel.ts in TypeScript. Writes to `out`, for each packed edge, an
 * apex of its link, or -1. `rows` has a row of `width` words for each vertex.
 */
export function apexes(rows: Uint32Array, width: number, edges: Uint32Array, out: Int32Array): void {
  const lune = new Uint32Array(width);
  const candidates = new Uint32Array(width);
  for (let k = 0; k < edges.length; k++) {
    const edge = edges[k]!;
    out[k] = intersect(rows, width, edge >>> 16, edge & 0xffff, lune)
      ? apex(rows, width, lune, candidates)
      : -1;
  }
}

function intersect(rows: Uint32Array, width: number, a: number, b: number, lune: Uint32Array): boolean {
  let any = 0;
  for (let k = 0; k < width; k++) {
    const word = rows[a * width + k]! & rows[b * width + k]!;
    lune[k] = word;
    any |= word;
  }
  return any !== 0;
}

function apex(rows: Uint32Array, width: number, lune: Uint32Array, candidates: Uint32Array): number {
  candidates.set(lune);
  let candidate = firstVertex(candidates, 0);
  while (candidate >= 0) {
    const missed = firstMissed(rows, width, lune, candidate);
    if (missed < 0) return candidate;
    for (let k = 0; k < width; k++) candidates[k]! &= rows[missed * width + k]!;
    candidate = firstVertex(candidates, candidate + 1);
  }
  return -1;
}

function firstMissed(rows: Uint32Array, width: number, set: Uint32Array, vertex: number): number {
  for (let k = 0; k < width; k++) {
    const word = set[k]! & ~rows[vertex * width + k]!;
    if (word !== 0) return lowestVertex(word, k);
  }
  return -1;
}

function firstVertex(set: Uint32Array, from: number): number {
  let k = from >>> 5;
  if (k >= set.length) return -1;
  let word = set[k]! & (-1 << (from & 31));
  while (word === 0) {
    if (++k >= set.length) return -1;
    word = set[k]!;
  }
  return lowestVertex(word, k);
}
