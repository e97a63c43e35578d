import { expect, test } from '@jest/globals';
import { edgeHead, edgeTail, sortedEdges } from '../../tda/edges.js';
import { atOnce } from '../../tda/pacer.js';
import { pairCount, pairIndex } from '../../tda/triangle.js';
import { randomPoints } from '../support/point-clouds.js';

const newBuffer = (bytes: number) => new ArrayBuffer(bytes);

// The engine sorts few pairs; a radix sort by digits sorts many.
test.each([2, 3, 60, 245, 246, 300])(
  'edges among %i points come by length, then by larger, then by smaller vertex, without edges that are too long',
  (pointCount) => {
    // Many ties, and zeros of either sign.
    const distances = randomPoints(pairCount(pointCount), 1, pointCount).map(
      (value, k) => Math.floor(value * 20) / 10 - (k % 3 === 0 ? 0 : -0),
    );
    distances[0] = -0;
    distances[distances.length - 1] = distances.length > 1 ? Infinity : -0;
    const edges = [...atOnce(sortedEdges(distances, pointCount, 1.5, newBuffer))];

    const expected: { readonly length: number; readonly head: number; readonly tail: number }[] = [];
    for (let head = 1; head < pointCount; head++) {
      for (let tail = 0; tail < head; tail++) {
        const length = distances[pairIndex(head, tail)]!;
        if (length <= Math.fround(1.5)) expected.push({ length, head, tail });
      }
    }
    expected.sort((a, b) => a.length - b.length || a.head - b.head || a.tail - b.tail);
    expect(edges.map((edge) => [edgeHead(edge), edgeTail(edge)])).toEqual(
      expected.map(({ head, tail }) => [head, tail]),
    );
    expect(pointCount < 4 || expected.length < distances.length).toBe(true);
  },
);
