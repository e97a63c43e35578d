/**
 * Rips persistence from the definition: it lists every simplex up to dimension maxDimension + 1, and reduces the
 * boundary matrix over Z/2 by columns. It shares no code with the kernel. For a handful of points.
 */
export function bruteForceDiagrams(
  distances: Float32Array,
  pointCount: number,
  maxDimension: number,
  maxEdgeLength = Infinity,
): Float32Array[] {
  const simplices = listSimplices(distances, pointCount, maxDimension + 1).filter(
    ({ value }) => value <= maxEdgeLength && value < Infinity,
  );
  simplices.sort((a, b) => a.value - b.value || a.vertices.length - b.vertices.length);
  const placeOf = new Map(simplices.map(({ vertices }, place) => [vertices.join(), place]));
  const columns = new Map<number, Set<number>>();
  const deathOf = new Map<number, number>();
  const isNegative = new Set<number>();
  simplices.forEach(({ vertices }, place) => {
    let column = new Set<number>();
    if (vertices.length > 1) {
      column = new Set(vertices.map((left) => placeOf.get(vertices.filter((v) => v !== left).join())!));
    }
    while (column.size > 0) {
      let pivot = -1;
      for (const row of column) if (row > pivot) pivot = row;
      const earlier = columns.get(pivot);
      if (earlier === undefined) {
        columns.set(pivot, column);
        deathOf.set(pivot, place);
        isNegative.add(place);
        break;
      }
      column = symmetricDifference(column, earlier);
    }
  });
  const bars: [number, number][][] = Array.from({ length: maxDimension + 1 }, () => []);
  simplices.forEach(({ vertices, value }, place) => {
    if (isNegative.has(place) || vertices.length > maxDimension + 1) return;
    const killer = deathOf.get(place);
    const death = killer === undefined ? Infinity : simplices[killer]!.value;
    if (death > value) bars[vertices.length - 1]!.push([value, death]);
  });
  return bars.map((ofDegree) =>
    Float32Array.from(
      ofDegree.sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : Number(a[1] > b[1]))).flat(),
    ),
  );
}

interface Simplex {
  readonly vertices: readonly number[];
  readonly value: number;
}

function listSimplices(distances: Float32Array, pointCount: number, maxDimension: number): Simplex[] {
  const simplices: Simplex[] = [];
  const extend = (vertices: readonly number[], value: number): void => {
    simplices.push({ vertices, value });
    if (vertices.length > maxDimension) return;
    for (let v = vertices.at(-1)! + 1; v < pointCount; v++) {
      extend([...vertices, v], Math.max(value, ...vertices.map((u) => distances[(v * (v - 1)) / 2 + u]!)));
    }
  };
  for (let v = 0; v < pointCount; v++) extend([v], 0);
  return simplices;
}

function symmetricDifference(a: ReadonlySet<number>, b: ReadonlySet<number>): Set<number> {
  const difference = new Set(a);
  for (const x of b) if (!difference.delete(x)) difference.add(x);
  return difference;
}
