// AssemblyScript, not TypeScript: scripts/build.mjs compiles this file to relations.wasm, and tda/relations.ts calls it.
//
// A matrix of bits over Z/2, its rows `stride` bytes long (a multiple of 16), from `matrix` on: column c is bit c & 63 of
// 64-bit word c >> 6. Row 0 is the sum being reduced; the others are relations. Rows from `settled` on were retired since the
// last settlement: each has the column that it eliminates, its pivot, set, and none of the pivots before. All memory is the
// caller's; addresses are bytes.

let matrix: usize = 0;
let stride: usize = 0;
let rowCount: i32 = 1;
let settled: i32 = 1;
/** By retired row, in order: its pivot. */
let pivots: usize = 0;

let wordsRead: i32 = 0;

/** 64-bit words read, about, since it was last asked. */
export function takeWordsRead(): i32 {
  const words = wordsRead;
  wordsRead = 0;
  return words;
}

/** A matrix without relations; its row 0 must be zero. `pivotList` has room for 32 bits for each row retired between settlements. */
export function makeMatrix(base: usize, rowBytes: usize, pivotList: usize): void {
  matrix = base;
  stride = rowBytes;
  pivots = pivotList;
}

function rowOf(row: i32): usize {
  return matrix + (row as usize) * stride;
}

function hasColumn(row: usize, column: i32): bool {
  return ((load<u64>(row + (((column >> 6) as usize) << 3)) >> ((column & 63) as u64)) & 1) != 0;
}

function flip(row: usize, column: i32): void {
  const place = row + (((column >> 6) as usize) << 3);
  store<u64>(place, load<u64>(place) ^ ((1 as u64) << ((column & 63) as u64)));
}

function addRow(to: usize, from: usize): void {
  for (let k: usize = 0; k < stride; k += 16) {
    v128.store(to + k, v128.xor(v128.load(to + k), v128.load(from + k)));
  }
}

function pivotOf(row: i32): i32 {
  return load<i32>(pivots + (((row - settled) as usize) << 2));
}

/** Adds to row 0: of `count` 32-bit numbers, c >= 0 is column c, and ~r the relation of row r. */
export function add(numbers: usize, count: i32): void {
  const end = numbers + ((count as usize) << 2);
  let rows = 0;
  for (let at = numbers; at < end; at += 4) {
    const number = load<i32>(at);
    if (number >= 0) {
      flip(matrix, number);
    } else {
      addRow(matrix, rowOf(~number));
      rows++;
    }
  }
  wordsRead += rows * ((stride >> 3) as i32) + count;
}

/** Reduces row 0 by the rows retired; returns its highest column, or -1 if it is zero. */
export function reduce(): i32 {
  eliminate(matrix, settled);
  wordsRead += ((stride >> 3) as i32) + rowCount - settled;
  for (let k = stride; k > 0; k -= 8) {
    const word = load<u64>(matrix + k - 8);
    if (word != 0) return (((k - 8) as i32) << 3) + 63 - (clz(word) as i32);
  }
  return -1;
}

/** Reduces a row by the rows retired, from row `first` on. */
function eliminate(row: usize, first: i32): void {
  for (let other = first; other < rowCount; other++) {
    if (hasColumn(row, pivotOf(other))) addRow(row, rowOf(other));
  }
}

/** Row 0 becomes a retired row with this pivot, and is zero again. There must be room. */
export function retire(pivot: i32): void {
  memory.copy(rowOf(rowCount), matrix, stride);
  memory.fill(matrix, 0, stride);
  store<i32>(pivots + (((rowCount - settled) as usize) << 2), pivot);
  rowCount++;
}

/**
 * Reduces all rows by those retired, which lose their pivots: no pivot is left in any. Rows that are zero go; writes the new
 * number of each, 0 for what went, to `numbers` (32 bits for each row), and returns how many rows there are.
 */
export function settle(numbers: usize): i32 {
  for (let row = 1; row < settled; row++) eliminate(rowOf(row), settled);
  for (let row = settled; row < rowCount; row++) {
    flip(rowOf(row), pivotOf(row));
    eliminate(rowOf(row), row + 1);
  }
  let kept = 1;
  for (let row = 1; row < rowCount; row++) {
    const isKept = !isZero(rowOf(row));
    store<i32>(numbers + ((row as usize) << 2), isKept ? kept : 0);
    if (!isKept) continue;
    if (kept < row) memory.copy(rowOf(kept), rowOf(row), stride);
    kept++;
  }
  wordsRead += rowCount * (rowCount - settled);
  rowCount = kept;
  settled = kept;
  return kept;
}

function isZero(row: usize): bool {
  let any = i64x2.splat(0);
  for (let k: usize = 0; k < stride; k += 16) any = v128.or(any, v128.load(row + k));
  return !v128.any_true(any);
}

/**
 * Gives the rows another length, and each column that is set anywhere the new place that `places` says (32 bits for each
 * column). Nothing may be retired and not settled. `spare` has room for a row of the old length.
 */
export function rearrange(places: usize, rowBytes: usize, spare: usize): void {
  const oldStride = stride;
  const isGrowing = rowBytes > oldStride;
  for (let k = 0; k < rowCount; k++) {
    // In place: no row is written over before it is read.
    const row = (isGrowing ? rowCount - 1 - k : k) as usize;
    memory.copy(spare, matrix + row * oldStride, oldStride);
    const target = matrix + row * rowBytes;
    memory.fill(target, 0, rowBytes);
    for (let w: usize = 0; w < oldStride; w += 8) {
      for (let word = load<u64>(spare + w); word != 0; word &= word - 1) {
        flip(target, load<i32>(places + (((w << 3) + (ctz(word) as usize)) << 2)));
      }
    }
  }
  wordsRead += rowCount * ((oldStride >> 3) as i32);
  stride = rowBytes;
}
