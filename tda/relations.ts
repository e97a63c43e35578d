import { TdaMemoryError } from './errors.js';
import { grow, instantiateModule, PAGE } from './webassembly-module.js';

/** The exports of tda/assembly/relations.ts. Addresses and sizes are bytes of its memory. */
interface RelationsExports {
  readonly makeMatrix: (base: number, rowBytes: number, retiredList: number) => void;
  readonly add: (numbers: number, count: number) => void;
  readonly reduce: () => number;
  readonly retire: (pivot: number) => void;
  readonly settle: (numbers: number, rows: number) => number;
  readonly rearrange: (places: number, rowBytes: number, spare: number) => void;
  readonly takeWordsRead: () => number;
}

const FUNCTIONS = [
  'makeMatrix',
  'add',
  'reduce',
  'retire',
  'settle',
  'rearrange',
  'takeWordsRead',
] as const satisfies readonly (keyof RelationsExports)[];

function isRelations(
  exports: Record<string, unknown>,
): exports is Record<string, unknown> & RelationsExports {
  return FUNCTIONS.every((name) => typeof exports[name] === 'function');
}

/**
 * Limit of the deaths between two settlements. With more, every sum has longer chains; with fewer, the whole
 * matrix is read more often.
 */
const LOT = 256;
/** Address where the module's own data ends and ours begins. */
const RETIRED = 1024;
const NUMBERS = RETIRED + 8 * LOT;
const MAX_NUMBERS = 4096;
const MATRIX = NUMBERS + 4 * MAX_NUMBERS;
/** A row has a multiple of this number of columns. */
const COLUMNS_PER_UNIT = 128;
const BYTES_PER_UNIT = 16;
/** The standing of a class that is zero in homology. Row 0 holds no relation. */
const ZERO = ~0;
const FIRST_ROW = 2;

/**
 * The classes of a homology degree over Z/2, in order of birth, and what the dead ones have become: sums of
 * living ones. Each is a row of bits, with a column for each living class in order of birth. After a number
 * of deaths, all rows are reduced by the relations that came since. So a sum of classes takes one row for
 * each class, without chains of relations (the column reduction of persistent homology, whose chains are long
 * for clouds of thousands of classes).
 */
export class Relations {
  private readonly kernel: RelationsExports;
  private readonly memory: WebAssembly.Memory;
  private readonly maxBytes: number;
  private numbers: Int32Array;
  private numberCount = 0;
  /** By class: its column while it lives and until its death is settled; then ~row. */
  private readonly standings: number[] = [];
  /** The class by column, and by row. Rows 0 and 1 are no relations. */
  private columnClasses: number[] = [];
  private rowClasses = [-1, -1];
  /** Columns whose class is dead. */
  private deadColumns = 0;
  /** Deaths since the last settlement. */
  private unsettled = 0;
  /** Units of a row. */
  private width = 1;

  /**
   * `maxBytes`: its limit. Only clouds whose distances are all alike need more, which is a TdaMemoryError.
   */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
    const { memory, exports } = instantiateModule('relations.wasm', MATRIX + PAGE);
    this.memory = memory;
    if (!isRelations(exports)) throw new Error('relations.wasm has other exports than this build expects');
    this.kernel = exports;
    this.numbers = new Int32Array(memory.buffer, NUMBERS, MAX_NUMBERS);
    this.kernel.makeMatrix(MATRIX, BYTES_PER_UNIT, RETIRED);
  }

  /** Records that the next class is born. */
  birth(): void {
    if (this.columnClasses.length === this.width * COLUMNS_PER_UNIT) {
      this.settle();
      this.rearrange();
    }
    this.standings.push(this.columnClasses.length);
    this.columnClasses.push(this.standings.length - 1);
  }

  /** Whether a class is known to be zero by now. */
  isZero(number: number): boolean {
    return this.standings[number] === ZERO;
  }

  /** Adds a class to the sum. */
  add(number: number): void {
    const standing = this.standings[number]!;
    if (standing === ZERO) return;
    if (this.numberCount === MAX_NUMBERS) this.addNumbers();
    this.numbers[this.numberCount++] = standing;
  }

  /**
   * The sum becomes zero: its youngest living class dies. Returns that class, or -1 if the sum was zero
   * already.
   */
  kill(): number {
    this.addNumbers();
    const column = this.kernel.reduce();
    if (column < 0) return -1;
    this.reserve(this.matrixBytes + this.width * BYTES_PER_UNIT);
    this.kernel.retire(column);
    const youngest = this.columnClasses[column]!;
    this.rowClasses.push(youngest);
    this.unsettled++;
    this.deadColumns++;
    if (this.unsettled >= Math.min(LOT, (this.columnClasses.length - this.deadColumns) >> 3)) {
      this.settle();
      if (4 * this.deadColumns > this.columnClasses.length) this.rearrange();
    }
    return youngest;
  }

  /** 64-bit words read since the last call, approximately. */
  takeOperations(): number {
    return this.kernel.takeWordsRead();
  }

  private addNumbers(): void {
    this.kernel.add(NUMBERS, this.numberCount);
    this.numberCount = 0;
  }

  private get matrixBytes(): number {
    return this.rowClasses.length * this.width * BYTES_PER_UNIT;
  }

  private settle(): void {
    const { rowClasses, standings } = this;
    const end = this.matrixBytes;
    const numbersBytes = 4 * rowClasses.length;
    this.reserve(end + numbersBytes + 4 * this.columnClasses.length);
    this.kernel.settle(MATRIX + end, MATRIX + end + numbersBytes);
    const numbers = new Int32Array(this.memory.buffer, MATRIX + end, rowClasses.length);
    const kept = rowClasses.slice(0, FIRST_ROW);
    for (let row = FIRST_ROW; row < numbers.length; row++) {
      const number = rowClasses[row]!;
      standings[number] = ~numbers[row]!;
      if (numbers[row] !== 0) kept.push(number);
    }
    this.rowClasses = kept;
    this.unsettled = 0;
  }

  /** After a settlement: keeps the columns of the living classes only, with room for half as many more. */
  private rearrange(): void {
    const { columnClasses, standings, width } = this;
    const living = columnClasses.filter((number, column) => standings[number] === column);
    const rows = this.rowClasses.length;
    this.width = 1 + Math.ceil((1.5 * living.length) / COLUMNS_PER_UNIT);
    const end = rows * BYTES_PER_UNIT * Math.max(width, this.width);
    const placesBytes = 4 * columnClasses.length;
    this.reserve(end + placesBytes + width * BYTES_PER_UNIT);
    const places = new Int32Array(this.memory.buffer, MATRIX + end, columnClasses.length);
    for (const [place, number] of living.entries()) {
      places[standings[number]!] = place;
      standings[number] = place;
    }
    this.kernel.rearrange(MATRIX + end, this.width * BYTES_PER_UNIT, MATRIX + end + placesBytes);
    this.columnClasses = living;
    this.deadColumns = 0;
  }

  /** Makes room for `bytes` bytes from the matrix on. */
  private reserve(bytes: number): void {
    const needed = MATRIX + bytes;
    const { byteLength } = this.memory.buffer;
    if (needed <= byteLength) return;
    if (needed > this.maxBytes) throw this.tooLarge(needed);
    grow(this.memory, Math.min(1.25 * needed, this.maxBytes) - byteLength);
    this.numbers = new Int32Array(this.memory.buffer, NUMBERS, MAX_NUMBERS);
  }

  private tooLarge(bytes: number): TdaMemoryError {
    const living = this.columnClasses.length - this.deadColumns;
    const [needed, allowed] = [bytes, this.maxBytes].map((size) => Math.ceil(size / 2 ** 20));
    return new TdaMemoryError(
      `persistence met ${this.standings.length} classes of one degree, of which ${living} live at once: distances that are all ` +
        `alike make so many; their relations need ${needed} MiB, more than the ${allowed} MiB allowed; ` +
        'lower max_dimension, or give fewer points, or set max_edge_length, or allow more memory',
      bytes,
      this.maxBytes,
    );
  }
}
