import { ripsPersistence } from '../../tda/index.js';
import { barsOf } from '../support/point-clouds.js';

/** Answers known by hand: there are few vertices and edges, and the lengths are roots of small integers. */

const root = (x: number): number => Math.fround(Math.sqrt(x));

function isFace(a: readonly number[], b: readonly number[]): boolean {
  return a.every((vertex) => b.includes(vertex));
}

function regularPolygon(count: number): Float32Array {
  const angles = Array.from({ length: count }, (_, k) => (2 * Math.PI * k) / count);
  return Float32Array.from(angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)]));
}

describe('few points', () => {
  test('one point is one component forever', async () => {
    expect(await ripsPersistence({ points: Float32Array.of(3, 4), dimension: 2 })).toMatchObject({
      diagrams: [Float32Array.of(0, Infinity), new Float32Array(), new Float32Array()],
      pointCount: 1,
      distinctPointCount: 1,
      edgeCount: 0,
    });
  });

  test('an empty list of distances is one point', async () => {
    const { diagrams, pointCount } = await ripsPersistence(
      { distances: new Float32Array() },
      { maxDimension: 0 },
    );
    expect({ diagrams, pointCount }).toEqual({ diagrams: [Float32Array.of(0, Infinity)], pointCount: 1 });
  });

  test('two points merge at their distance', async () => {
    const { diagrams } = await ripsPersistence({ points: Float32Array.of(0, 0, 3, 4), dimension: 2 });
    expect(diagrams[0]).toEqual(Float32Array.of(0, 5, 0, Infinity));
  });

  test.each([0, 1, 2] as const)('equal points are one component (dimension %i)', async (maxDimension) => {
    for (const count of [2, 3, 50]) {
      const points = new Float32Array(2 * count).fill(7);
      const result = await ripsPersistence({ points, dimension: 2 }, { maxDimension });
      expect(result).toMatchObject({ pointCount: count, distinctPointCount: 1 });
      expect(result.diagrams).toHaveLength(maxDimension + 1);
      expect(result.diagrams[0]).toEqual(Float32Array.of(0, Infinity));
      expect(result.diagrams.slice(1).every((diagram) => diagram.length === 0)).toBe(true);
    }
  });

  test('points at distance 0 that differ elsewhere are joined, not merged', async () => {
    // d(a,b) = 0, and around them the square a c b d of side 1 whose diagonal cd is 3.
    const { diagrams, distinctPointCount } = await ripsPersistence({
      distances: Float32Array.of(0, 1, 2, 2, 1, 3),
    });
    expect(distinctPointCount).toBe(3);
    expect(diagrams[0]).toEqual(Float32Array.of(0, 1, 0, 1, 0, Infinity));
  });

  test('a negative zero is a zero', async () => {
    const { diagrams } = await ripsPersistence({ distances: Float32Array.of(-0, 1, 1) });
    expect(diagrams[0]).toEqual(Float32Array.of(0, 1, 0, Infinity));
  });

  test('points on a line have components only', async () => {
    const points = Float32Array.from({ length: 40 }, (_, k) => k * k);
    const { diagrams } = await ripsPersistence({ points, dimension: 1 });
    expect(diagrams[0]).toEqual(
      Float32Array.from([...Array.from({ length: 39 }, (_, k) => [0, 2 * k + 1]).flat(), 0, Infinity]),
    );
    expect(diagrams[1]).toHaveLength(0);
    expect(diagrams[2]).toHaveLength(0);
  });
});

describe('loops and voids', () => {
  test('a square has a loop from its side to its diagonal', async () => {
    const { diagrams } = await ripsPersistence({
      points: Float32Array.of(0, 0, 1, 0, 1, 1, 0, 1),
      dimension: 2,
    });
    expect(diagrams).toEqual([
      Float32Array.of(0, 1, 0, 1, 0, 1, 0, Infinity),
      Float32Array.of(1, root(2)),
      new Float32Array(),
    ]);
  });

  test('a circle has one loop, which dies when a triangle spans it', async () => {
    const { diagrams } = await ripsPersistence({ points: regularPolygon(60), dimension: 2 });
    const loops = barsOf(diagrams[1]!);
    expect(loops).toHaveLength(1);
    expect(loops[0]![0]).toBeCloseTo(2 * Math.sin(Math.PI / 60), 6);
    expect(loops[0]![1]).toBeCloseTo(Math.sqrt(3), 6);
  });

  test('the octahedron has one void, from its edge to its diagonal', async () => {
    const points = Float32Array.of(1, 0, 0, -1, 0, 0, 0, 1, 0, 0, -1, 0, 0, 0, 1, 0, 0, -1);
    const { diagrams } = await ripsPersistence({ points, dimension: 3 });
    expect(diagrams[1]).toHaveLength(0);
    expect(diagrams[2]).toEqual(Float32Array.of(root(2), 2));
  });

  test('the cube has five loops, and its void is born and filled at once', async () => {
    const points = Float32Array.from({ length: 24 }, (_, k) => (Math.floor(k / 3) >> (k % 3)) & 1);
    const { diagrams } = await ripsPersistence({ points, dimension: 3 });
    expect(diagrams[1]).toEqual(Float32Array.from(Array.from({ length: 5 }, () => [1, root(2)]).flat()));
    // At √2 every edge but the four diagonals exists: the cross-polytope of 8 vertices, a 3-sphere.
    expect(diagrams[2]).toHaveLength(0);
  });

  test('the vertices of an icosahedron span a sphere', async () => {
    const phi = (1 + Math.sqrt(5)) / 2;
    const corners = [-1, 1].flatMap((a) => [-phi, phi].flatMap((b) => [0, a, b, a, b, 0, b, 0, a]));
    const { diagrams } = await ripsPersistence({ points: Float32Array.from(corners), dimension: 3 });
    const voids = barsOf(diagrams[2]!).filter(([birth, death]) => death - birth > 1e-5);
    expect(voids).toHaveLength(1);
    expect(voids[0]![0]).toBeCloseTo(2, 5);
    expect(voids[0]![1]).toBeCloseTo(2 * phi, 5);
  });

  test('the seven-vertex torus has two loops and one void', async () => {
    // Möbius' torus: Z/7 with triangles {k, k+1, k+3} and {k, k+2, k+3} joins all pairs. So the test gives its
    // barycentric subdivision, a flag complex, as a graph: simplices are vertices, joined where one is a face of
    // the other.
    const triangles = Array.from({ length: 7 }, (_, k) => [
      [k, (k + 1) % 7, (k + 3) % 7],
      [k, (k + 2) % 7, (k + 3) % 7],
    ]).flat();
    const faces = new Set<string>();
    for (const triangle of triangles) {
      for (let subset = 1; subset < 8; subset++) {
        faces.add(
          triangle
            .filter((_, place) => (subset >> place) & 1)
            .sort((a, b) => a - b)
            .join(),
        );
      }
    }
    const simplices = [...faces].map((face) => face.split(',').map(Number));
    const distances = simplices.flatMap((a, i) =>
      simplices.slice(0, i).map((b) => (isFace(a, b) || isFace(b, a) ? 1 : Infinity)),
    );
    const { diagrams, edgeCount } = await ripsPersistence({ distances: Float32Array.from(distances) });
    expect([simplices.length, edgeCount]).toEqual([42, 126]);
    expect(diagrams[1]).toEqual(Float32Array.of(1, Infinity, 1, Infinity));
    expect(diagrams[2]).toEqual(Float32Array.of(1, Infinity));
  });
});

describe('with a longest edge', () => {
  const twoSquares = Float32Array.of(0, 0, 1, 0, 1, 1, 0, 1, 10, 0, 11, 0, 11, 1, 10, 1);

  test('components that never merge live forever', async () => {
    for (const maxDimension of [0, 1, 2] as const) {
      const { diagrams } = await ripsPersistence(
        { points: twoSquares, dimension: 2 },
        { maxDimension, maxEdgeLength: 5 },
      );
      expect(barsOf(diagrams[0]!).filter(([, death]) => death === Infinity)).toHaveLength(2);
    }
  });

  test('a class that is alive at that length lives forever', async () => {
    const { diagrams, edgeCount } = await ripsPersistence(
      { points: twoSquares, dimension: 2 },
      { maxEdgeLength: 1.2 },
    );
    expect(edgeCount).toBe(8);
    expect(diagrams[1]).toEqual(Float32Array.of(1, Infinity, 1, Infinity));
  });

  test('an edge of exactly that length counts', async () => {
    const { diagrams } = await ripsPersistence({ distances: Float32Array.of(0.1) }, { maxEdgeLength: 0.1 });
    expect(diagrams[0]).toEqual(Float32Array.of(0, 0.1, 0, Infinity));
  });

  test('a longest edge of 0 joins equal points only', async () => {
    for (const maxDimension of [0, 2] as const) {
      const points = Float32Array.of(1, 1, 2);
      const result = await ripsPersistence({ points, dimension: 1 }, { maxDimension, maxEdgeLength: 0 });
      expect(result.diagrams[0]).toEqual(Float32Array.of(0, Infinity, 0, Infinity));
      expect(result.distinctPointCount).toBe(2);
    }
  });

  test('infinite distances are never joined', async () => {
    const { diagrams } = await ripsPersistence({ distances: Float32Array.of(1, Infinity, Infinity) });
    expect(diagrams[0]).toEqual(Float32Array.of(0, 1, 0, Infinity, 0, Infinity));
  });

  test('edges beyond the enclosing radius are left out', async () => {
    // A star: its centre is within 1 of every point, and its tips are 2 apart.
    const { edgeCount } = await ripsPersistence({ distances: Float32Array.of(1, 1, 2, 1, 2, 2) });
    expect(edgeCount).toBe(3);
  });
});
