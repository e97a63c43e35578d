// AssemblyScript, not TypeScript: scripts/build.mjs compiles this file to relations.wasm, and tda/relations.ts calls it.
//
// A matrix of bits over Z/2 from `matrix` on, with rows of `stride` bytes (a multiple of 16): column c is bit c & 63 of
// 64-bit word c >> 6. Row 0 is the sum being reduced, row 1 the set of pivots, and the others are relations. Rows from
// `settled` on were retired since the last settlement. Each of these stands for a column, its pivot; in it neither the
// pivot nor earlier pivots are set. The caller owns all memory; addresses are bytes.

const SUM: i32 = 0;
const PIVOTS: i32 = 1;
const FIRST: i32 = 2;

let matrix: usize = 0;
let stride: usize = 0;
let rowCount: i32 = FIRST;
let settled: i32 = FIRST;
/** By retired row: its pivot, and the number of its bytes up to the last nonzero one, rounded up to 16. */
let retired: usize = 0;

/** Rows that wait to be added to the same row. */
let chosen: i32 = 0;
let chosen0: usize = 0;
let chosen1: usize = 0;
let chosen2: usize = 0;
let chosenBytes: usize = 0;

let wordsRead: i32 = 0;

/** 64-bit words read since the last call of takeWordsRead, approximately. */
export function takeWordsRead(): i32 {
  const words = wordsRead;
  wordsRead = 0;
  return words;
}

/** A matrix without relations, of zeroed memory. `retiredList` has room for 64 bits for each row retired between settlements. */
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

/** Adds the first bytes of a row to another, now or later with others of the same target; `addChosen` ends that. */
function choose(to: usize, from: usize, bytes: usize): void {
  chosenBytes = max(chosenBytes, bytes);
  chosen++;
  if (chosen == 1) {
    chosen0 = from;
  } else if (chosen == 2) {
    chosen1 = from;
  } else if (chosen == 3) {
    chosen2 = from;
  } else {
    // Four rows at a time, so that the target is read and written once for them.
    for (let k: usize = 0; k < chosenBytes; k += 16) {
      const a = v128.xor(v128.load(chosen0 + k), v128.load(chosen1 + k));
      const b = v128.xor(v128.load(chosen2 + k), v128.load(from + k));
      v128.store(to + k, v128.xor(v128.load(to + k), v128.xor(a, b)));
    }
    wordsRead += (chosenBytes >> 2) as i32;
    chosen = 0;
    chosenBytes = 0;
  }
}

function addChosen(to: usize): void {
  if (chosen > 0) addRow(to, chosen0, chosenBytes);
  if (chosen > 1) addRow(to, chosen1, chosenBytes);
  if (chosen > 2) addRow(to, chosen2, chosenBytes);
  chosen = 0;
  chosenBytes = 0;
}

/** Adds the first bytes of a row to another. */
function addRow(to: usize, from: usize, bytes: usize): void {
  for (let k: usize = 0; k < bytes; k += 16) {
    v128.store(to + k, v128.xor(v128.load(to + k), v128.load(from + k)));
  }
  wordsRead += (bytes >> 3) as i32;
}

/** Adds to the sum: of `count` 32-bit numbers, c >= 0 is column c, and ~r the relation of row r. */
export function add(numbers: usize, count: i32): void {
  const sum = rowOf(SUM);
  const end = numbers + ((count as usize) << 2);
  for (let at = numbers; at < end; at += 4) {
    const number = load<i32>(at);
    if (number >= 0) flip(sum, number);
    else choose(sum, rowOf(~number), stride);
  }
  addChosen(sum);
  wordsRead += count;
}

/** Reduces the sum by the rows retired, in their order; returns its highest column, or -1 if it is zero. */
export function reduce(): i32 {
  const sum = rowOf(SUM);
  for (let row = settled; row < rowCount; row++) {
    const place = placeOf(row);
    const pivot = load<i32>(place);
    if (!hasColumn(sum, pivot)) continue;
    flip(sum, pivot);
    addRow(sum, rowOf(row), load<u32>(place + 4) as usize);
  }
  wordsRead += rowCount - settled;
  return highestColumn(sum);
}

/** Address of a retired row's entry in their list. */
function placeOf(row: i32): usize {
  return retired + (((row - settled) as usize) << 3);
}

function highestColumn(row: usize): i32 {
  for (let k = stride; k > 0; k -= 8) {
    const word = load<u64>(row + k - 8);
    if (word != 0) return (((k - 8) as i32) << 3) + 63 - (clz(word) as i32);
  }
  return -1;
}

/** Retires a column: its row is the sum without the column. The sum is zero again. There must be room for the row. */
export function retire(pivot: i32): void {
  const sum = rowOf(SUM);
  flip(sum, pivot);
  flip(rowOf(PIVOTS), pivot);
  memory.copy(rowOf(rowCount), sum, stride);
  memory.fill(sum, 0, stride);
  store<i32>(placeOf(rowCount), pivot);
  noteExtent(rowCount);
  rowCount++;
}

function noteExtent(row: i32): void {
  store<u32>(placeOf(row) + 4, (((highestColumn(rowOf(row)) + 128) >> 7) << 4) as u32);
}

/**
 * Replaces the pivots in all rows, and removes rows that are zero. Writes the new number of each row, 0 for a removed one,
 * to `numbers` (32 bits for each row). Returns the number of rows. `rows` has room for 32 bits for each column.
 */
export function settle(numbers: usize, rows: usize): i32 {
  for (let row = settled; row < rowCount; row++) {
    store<i32>(rows + ((load<i32>(placeOf(row)) as usize) << 2), row);
  }
  // The last row comes first, so that a row that replaces a pivot has no pivots itself.
  for (let row = rowCount - 1; row >= settled; row--) {
    replacePivots(rowOf(row), rows);
    noteExtent(row);
  }
  for (let row = FIRST; row < settled; row++) replacePivots(rowOf(row), rows);
  memory.fill(rowOf(PIVOTS), 0, stride);
  let kept = FIRST;
  for (let row = FIRST; row < rowCount; row++) {
    const isKept = highestColumn(rowOf(row)) >= 0;
    store<i32>(numbers + ((row as usize) << 2), isKept ? kept : 0);
    if (!isKept) continue;
    if (kept < row) memory.copy(rowOf(kept), rowOf(row), stride);
    kept++;
  }
  rowCount = kept;
  settled = kept;
  return kept;
}

/** Fills `rows`: by column, the retired row that stands for it. */
function replacePivots(row: usize, rows: usize): void {
  const pivots = rowOf(PIVOTS);
  for (let k: usize = 0; k < stride; k += 16) {
    const word = v128.load(row + k);
    const found = v128.and(word, v128.load(pivots + k));
    if (!v128.any_true(found)) continue;
    v128.store(row + k, v128.xor(word, found));
    chooseRows(row, i64x2.extract_lane(found, 0), rows + (k << 5));
    chooseRows(row, i64x2.extract_lane(found, 1), rows + (k << 5) + 256);
  }
  addChosen(row);
  wordsRead += (stride >> 3) as i32;
}

function chooseRows(to: usize, columns: u64, rows: usize): void {
  for (let word = columns; word != 0; word &= word - 1) {
    const row = load<i32>(rows + ((ctz(word) as usize) << 2));
    choose(to, rowOf(row), load<u32>(placeOf(row) + 4) as usize);
  }
}

/**
 * Gives the rows another length, and each column that is set in any row its new place from `places` (32 bits for each
 * column). All retired rows must be settled. `spare` has room for a row of the old length.
 */
export function rearrange(places: usize, rowBytes: usize, spare: usize): void {
  const oldStride = stride;
  const isGrowing = rowBytes > oldStride;
  for (let k = 0; k < rowCount; k++) {
    // In place: the order is such that every row is read before it is overwritten.
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
