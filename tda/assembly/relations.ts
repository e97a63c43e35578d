// AssemblyScript, not TypeScript: scripts/build.mjs compiles this file to relations.wasm, and tda/relations.ts calls it.
//
// A matrix of bits over Z/2, its rows `stride` bytes long (a multiple of 16), from `matrix` on: column c is bit c & 63 of
// 64-bit word c >> 6. Row 0 is the sum being reduced; the others are relations. Rows from `settled` on were retired since the
// last settlement: each stands for a column, its pivot, and has neither that nor the pivots before set. All memory is the
// caller's; addresses are bytes.

let matrix: usize = 0;
let stride: usize = 0;
let rowCount: i32 = 1;
let settled: i32 = 1;
/** By retired row: its pivot, and how far it extends. */
let retired: usize = 0;

let wordsRead: i32 = 0;

/** 64-bit words read, about, since it was last asked. */
export function takeWordsRead(): i32 {
  const words = wordsRead;
  wordsRead = 0;
  return words;
}

/** A matrix without relations; its row 0 must be zero. `retiredList` has room for 64 bits for each row retired between settlements. */
export function makeMatrix(base: usize, rowBytes: usize, retiredList: usize): void {
  matrix = base;
  stride = rowBytes;
  retired = retiredList;
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

/** Adds the first bytes of a row to another. */
function addRow(to: usize, from: usize, bytes: usize): void {
  for (let k: usize = 0; k < bytes; k += 16) {
    v128.store(to + k, v128.xor(v128.load(to + k), v128.load(from + k)));
  }
}

/** Of a retired row. */
function pivotOf(row: i32): i32 {
  return load<i32>(retired + (((row - settled) as usize) << 3));
}

/** Of a retired row: bytes up to its last bit, rounded up to 16. */
function extentOf(row: i32): usize {
  return load<u32>(retired + (((row - settled) as usize) << 3) + 4) as usize;
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
      addRow(matrix, rowOf(~number), stride);
      rows++;
    }
  }
  wordsRead += rows * ((stride >> 3) as i32) + count;
}

/** Reduces row 0 by the rows retired; returns its highest column, or -1 if it is zero. */
export function reduce(): i32 {
  eliminate(matrix, settled);
  wordsRead += (stride >> 3) as i32;
  return highestColumn(matrix);
}

function highestColumn(row: usize): i32 {
  for (let k = stride; k > 0; k -= 8) {
    const word = load<u64>(row + k - 8);
    if (word != 0) return (((k - 8) as i32) << 3) + 63 - (clz(word) as i32);
  }
  return -1;
}

/** Replaces in a row the pivots of the rows retired, from row `first` on. */
function eliminate(row: usize, first: i32): void {
  for (let other = first; other < rowCount; other++) {
    const pivot = pivotOf(other);
    if (!hasColumn(row, pivot)) continue;
    const extent = extentOf(other);
    flip(row, pivot);
    addRow(row, rowOf(other), extent);
    wordsRead += (extent >> 3) as i32;
  }
  wordsRead += rowCount - first;
}

/** Row 0 without this column is what the column becomes: a retired row. Row 0 is zero again. There must be room. */
export function retire(pivot: i32): void {
  flip(matrix, pivot);
  memory.copy(rowOf(rowCount), matrix, stride);
  const place = retired + (((rowCount - settled) as usize) << 3);
  store<i32>(place, pivot);
  store<u32>(place + 4, (((highestColumn(matrix) + 128) >> 7) << 4) as u32);
  memory.fill(matrix, 0, stride);
  rowCount++;
}

/**
 * Replaces the pivots of the rows retired in all rows. Rows that are zero go; writes the new
 * number of each, 0 for what went, to `numbers` (32 bits for each row), and returns how many rows there are.
 */
export function settle(numbers: usize): i32 {
  for (let row = 1; row < settled; row++) eliminate(rowOf(row), settled);
  for (let row = settled; row < rowCount; row++) eliminate(rowOf(row), row + 1);
  let kept = 1;
  for (let row = 1; row < rowCount; row++) {
    const isKept = !isZero(rowOf(row));
    store<i32>(numbers + ((row as usize) << 2), isKept ? kept : 0);
    if (!isKept) continue;
    if (kept < row) memory.copy(rowOf(kept), rowOf(row), stride);
    kept++;
  }
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
