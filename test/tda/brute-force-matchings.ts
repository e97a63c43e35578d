import { barsOf, type Bar } from '../support/point-clouds.js';

/**
 * The Wasserstein distance of order `power`, or for Infinity the bottleneck distance, from the definition: it tries
 * every way to match the bars with each other or with the diagonal. Essential bars count as bars that are
 * infinitely far from the diagonal and from finite bars. For a handful of bars.
 */
export function distanceByEnumeration(a: Float32Array, b: Float32Array, power: number): number {
  return rooted(cheapest(barsOf(a), barsOf(b), power), power);
}

function cheapest(a: readonly Bar[], b: readonly Bar[], power: number): number {
  const [first, ...rest] = a;
  if (first === undefined) return b.reduce((sum, bar) => plus(sum, toDiagonal(bar), power), 0);
  let best = plus(cheapest(rest, b, power), toDiagonal(first), power);
  b.forEach((bar, place) => {
    best = Math.min(best, plus(cheapest(rest, b.toSpliced(place, 1), power), between(first, bar), power));
  });
  return best;
}

/**
 * The same distance as an assignment of n + m rows to n + m columns, one for each bar and one for each bar's place
 * on the diagonal. Kuhn's algorithm solves it for a threshold, or the Hungarian algorithm for a sum. For finite
 * bars, up to about a hundred.
 */
export function distanceByAssignment(a: Float32Array, b: Float32Array, power: number): number {
  const costs = squareCosts(barsOf(a), barsOf(b));
  if (power === Infinity) {
    const candidates = [0, ...costs.flat().filter(Number.isFinite)].sort((x, y) => x - y);
    return candidates.find((radius) => hasPerfectMatching(costs, radius))!;
  }
  const raised = costs.map((row) => row.map((cost) => (cost === Infinity ? 1e9 : cost ** power)));
  return rooted(hungarian(raised), power);
}

function squareCosts(a: readonly Bar[], b: readonly Bar[]): number[][] {
  return [
    ...a.map((bar, row) => [
      ...b.map((other) => between(bar, other)),
      ...a.map((_, column) => toPlace(row, column, bar)),
    ]),
    ...b.map((_, row) => [...b.map((bar, column) => toPlace(row, column, bar)), ...a.map(() => 0)]),
  ];
}

/** The cost for a bar to go to its own place on the diagonal. A bar has no other place there. */
function toPlace(row: number, column: number, bar: Bar): number {
  return row === column ? toDiagonal(bar) : Infinity;
}

function hasPerfectMatching(costs: readonly (readonly number[])[], radius: number): boolean {
  const takenBy = costs.map(() => -1);
  const augment = (row: number, seen: Set<number>): boolean =>
    costs[row]!.some((cost, column) => {
      if (cost > radius || seen.has(column)) return false;
      seen.add(column);
      if (takenBy[column]! >= 0 && !augment(takenBy[column]!, seen)) return false;
      takenBy[column] = row;
      return true;
    });
  return costs.every((_, row) => augment(row, new Set()));
}

/** The least sum of a square assignment. Rows and columns count from 1; column 0 holds the row that is being placed. */
function hungarian(costs: readonly (readonly number[])[]): number {
  const size = costs.length;
  const rowPrices = Array.from({ length: size + 1 }, () => 0);
  const columnPrices = Array.from({ length: size + 1 }, () => 0);
  const rowOf = Array.from({ length: size + 1 }, () => 0);
  for (let row = 1; row <= size; row++) {
    rowOf[0] = row;
    let column = 0;
    const slack = Array.from({ length: size + 1 }, () => Infinity);
    const before = Array.from({ length: size + 1 }, () => 0);
    const isUsed = Array.from({ length: size + 1 }, () => false);
    while (rowOf[column] !== 0) {
      isUsed[column] = true;
      let nearest = 0;
      for (let other = 1; other <= size; other++) {
        if (isUsed[other]) continue;
        const current =
          costs[rowOf[column]! - 1]![other - 1]! - rowPrices[rowOf[column]!]! - columnPrices[other]!;
        if (current < slack[other]!) {
          slack[other] = current;
          before[other] = column;
        }
        if (nearest === 0 || slack[other]! < slack[nearest]!) nearest = other;
      }
      const step = slack[nearest]!;
      for (let other = 0; other <= size; other++) {
        if (isUsed[other]) {
          rowPrices[rowOf[other]!]! += step;
          columnPrices[other]! -= step;
        } else {
          slack[other]! -= step;
        }
      }
      column = nearest;
    }
    while (column !== 0) {
      rowOf[column] = rowOf[before[column]!]!;
      column = before[column]!;
    }
  }
  return rowOf.slice(1).reduce((sum, row, column) => sum + costs[row - 1]![column]!, 0);
}

function between(a: Bar, b: Bar): number {
  const deaths = a[1] === b[1] ? 0 : Math.abs(a[1] - b[1]);
  return Math.max(Math.abs(a[0] - b[0]), deaths);
}

function toDiagonal([birth, death]: Bar): number {
  return (death - birth) / 2;
}

function plus(total: number, cost: number, power: number): number {
  return power === Infinity ? Math.max(total, cost) : total + cost ** power;
}

function rooted(total: number, power: number): number {
  return power === 2 ? Math.sqrt(total) : total;
}
