/** Birth, death, birth, death… of one degree. */
export type Diagram = Float32Array | readonly number[];

/** The bars of a diagram that are not of zero length, in float32, sorted: equal multisets become equal lists. */
export function sortedBars(diagram: Diagram): [birth: number, death: number][] {
  const bars: [number, number][] = [];
  for (let k = 0; k < diagram.length; k += 2) {
    const [birth, death] = [Math.fround(diagram[k]!), Math.fround(diagram[k + 1]!)];
    if (birth < death) bars.push([birth, death]);
  }
  return bars.sort((a, b) => a[0] - b[0] || compareDeaths(a[1], b[1]));
}

/** Whether two diagrams are the same multiset of bars in float32. */
export function areSame(left: Diagram, right: Diagram): boolean {
  const [a, b] = [sortedBars(left), sortedBars(right)];
  return a.length === b.length && a.every(([birth, death], k) => birth === b[k]![0] && death === b[k]![1]);
}

/** Whether the bottleneck distance of two diagrams is at most `tolerance`. */
export function areClose(left: Diagram, right: Diagram, tolerance: number): boolean {
  const [a, b] = [sortedBars(left), sortedBars(right)];
  // A matching that covers all long bars of one side and one that covers those of the other give a matching
  // that covers both (Mendelsohn and Dulmage 1958).
  return matchesLongBars(a, b, tolerance) && matchesLongBars(b, a, tolerance);
}

/**
 * Whether each bar that is too long for the diagonal can have a partner among the others: augmenting paths
 * (Kuhn).
 */
function matchesLongBars(
  from: readonly [number, number][],
  to: readonly [number, number][],
  tolerance: number,
): boolean {
  const owner = new Int32Array(to.length).fill(-1);
  const assign = (bar: number, visited: Uint8Array): boolean => {
    for (let other = 0; other < to.length; other++) {
      if (visited[other] === 1 || !barsAreClose(from[bar]!, to[other]!, tolerance)) continue;
      visited[other] = 1;
      if (owner[other] === -1 || assign(owner[other]!, visited)) {
        owner[other] = bar;
        return true;
      }
    }
    return false;
  };
  return from.every(
    ([birth, death], bar) => death - birth <= 2 * tolerance || assign(bar, new Uint8Array(to.length)),
  );
}

function barsAreClose(
  a: readonly [number, number],
  b: readonly [number, number],
  tolerance: number,
): boolean {
  return Math.abs(a[0] - b[0]) <= tolerance && (a[1] === b[1] || Math.abs(a[1] - b[1]) <= tolerance);
}

function compareDeaths(a: number, b: number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
