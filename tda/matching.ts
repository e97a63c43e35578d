/** A bipartite graph as one bit row per row: column c is bit c & 31 of word c >>> 5. */
export interface BitRows {
  readonly rowCount: number;
  readonly columnCount: number;
  /** rowCount × ceil(columnCount / 32) words. */
  readonly words: Int32Array;
}

const FREE = -1;

/**
 * Whether a matching exists that gives every row a column of its own.
 *
 * Source: Hopcroft & Karp, "An n^(5/2) algorithm for maximum matchings in bipartite graphs", 1973; with bit rows a phase
 * takes O(rows · columns / 32), and there are O(√rows) of them.
 */
export function matchesEveryRow(graph: BitRows): boolean {
  if (graph.rowCount > graph.columnCount) return false;
  const matching = new Matching(graph);
  while (!matching.isComplete()) {
    if (!matching.layer()) return false;
    matching.augment();
  }
  return true;
}

class Matching {
  private readonly words: Int32Array;
  /** Words per row. */
  private readonly width: number;
  private freeRows: number[];
  private readonly rowOf: Int32Array;
  private readonly freeColumns: Int32Array;
  /**
   * Bit rows: the columns first reached from the free rows by 1, 2, 3… edges outside the matching. Those of
   * the last layer are free.
   */
  private layers: Int32Array[] = [];
  /** The path of `augmentFrom`: a row and a column for each layer. */
  private readonly pathRows: Int32Array;
  private readonly pathColumns: Int32Array;

  constructor({ rowCount, columnCount, words }: BitRows) {
    this.words = words;
    this.width = (columnCount + 31) >>> 5;
    this.freeRows = Array.from({ length: rowCount }, (_, row) => row);
    this.rowOf = new Int32Array(columnCount).fill(FREE);
    this.freeColumns = new Int32Array(this.width).fill(-1);
    this.pathRows = new Int32Array(rowCount + 1);
    this.pathColumns = new Int32Array(rowCount + 1);
  }

  isComplete(): boolean {
    return this.freeRows.length === 0;
  }

  /** Finds the layers of shortest augmenting paths; false if there is no such path. */
  layer(): boolean {
    const unseen = new Int32Array(this.width).fill(-1);
    this.layers = [];
    let frontier = this.freeRows;
    while (frontier.length > 0) {
      const reached = this.neighbours(frontier, unseen);
      const free = reached.map((word, k) => word & this.freeColumns[k]!);
      if (free.some((word) => word !== 0)) {
        this.layers.push(free);
        return true;
      }
      this.layers.push(reached);
      frontier = [];
      for (let k = 0; k < this.width; k++) {
        unseen[k] = unseen[k]! & ~reached[k]!;
        for (let word = reached[k]!; word !== 0; word &= word - 1) {
          frontier.push(this.rowOf[lowestColumn(word, k)]!);
        }
      }
    }
    return false;
  }

  /** Augments along a maximal set of disjoint shortest paths. */
  augment(): void {
    this.freeRows = this.freeRows.filter((row) => !this.augmentFrom(row));
  }

  /** The neighbours of some rows among the columns of a set. */
  private neighbours(rows: readonly number[], among: Int32Array): Int32Array {
    const { words, width } = this;
    const union = new Int32Array(width);
    for (const row of rows) {
      const base = row * width;
      for (let k = 0; k < width; k++) union[k] = union[k]! | words[base + k]!;
    }
    for (let k = 0; k < width; k++) union[k] = union[k]! & among[k]!;
    return union;
  }

  /** Depth-first search through the layers. It tries a column only once. */
  private augmentFrom(start: number): boolean {
    const { layers, pathRows, pathColumns } = this;
    pathRows[0] = start;
    for (let depth = 0; depth >= 0;) {
      const column = this.takeNeighbour(pathRows[depth]!, layers[depth]!);
      if (column < 0) {
        depth--;
        continue;
      }
      pathColumns[depth] = column;
      if (depth === layers.length - 1) {
        this.freeColumns[column >>> 5] = this.freeColumns[column >>> 5]! & ~(1 << (column & 31));
        for (let k = 0; k <= depth; k++) this.rowOf[pathColumns[k]!] = pathRows[k]!;
        return true;
      }
      pathRows[++depth] = this.rowOf[column]!;
    }
    return false;
  }

  /** Removes the first neighbour of a row from a set and returns it; -1 if there is none. */
  private takeNeighbour(row: number, set: Int32Array): number {
    const { words, width } = this;
    const base = row * width;
    for (let k = 0; k < width; k++) {
      const common = words[base + k]! & set[k]!;
      if (common !== 0) {
        set[k] = set[k]! & ~(common & -common);
        return lowestColumn(common, k);
      }
    }
    return -1;
  }
}

/** Lowest column of a nonzero word. */
function lowestColumn(word: number, wordIndex: number): number {
  return (wordIndex << 5) + 31 - Math.clz32(word & -word);
}
