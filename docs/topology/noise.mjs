// node docs/topology/noise.mjs
//
// What pure noise gives: bars of clouds of independent directions in 768 dimensions. Figures are from the smallest to the
// largest of ten clouds. They are the same each time on one machine; another's logarithms and cosines may differ in the last bit.
import { persistenceEntropy, ripsPersistence } from 'panic-tda/tda';

const DIMENSION = 768;
const CLOUDS = 10;

const header = ['points', 'H1 bars', 'H1 longest', 'H1 entropy', 'H2 bars', 'H2 longest', 'H2 entropy'];
console.log(header.map((title) => title.padStart(16)).join(''));
for (const count of [12, 25, 50, 100, 200]) {
  const rows = [];
  for (let seed = 1; seed <= CLOUDS; seed++) {
    const { diagrams } = await ripsPersistence({ points: directions(count, seed), dimension: DIMENSION });
    rows.push(
      diagrams.slice(1).flatMap((bars) => [bars.length / 2, longestBar(bars), persistenceEntropy(bars)]),
    );
  }
  const ranges = rows[0].map((value, column) => {
    const digits = column % 3 === 0 ? 0 : 3;
    const values = rows.map((row) => row[column]);
    return `${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)}`;
  });
  console.log([count, ...ranges].map((cell) => String(cell).padStart(16)).join(''));
}

function longestBar(bars) {
  let longest = 0;
  for (let k = 0; k < bars.length; k += 2) longest = Math.max(longest, bars[k + 1] - bars[k]);
  return longest;
}

/** Independent points, uniform on the unit sphere: normalised normal vectors. */
function directions(count, seed) {
  const random = mulberry32(seed);
  const points = new Float32Array(count * DIMENSION);
  for (let row = 0; row < count; row++) {
    const normals = Array.from(
      { length: DIMENSION },
      () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
    );
    const length = Math.hypot(...normals);
    normals.forEach((value, column) => {
      points[row * DIMENSION + column] = value / length;
    });
  }
  return points;
}

/** Numbers from 0 to 1 (Tommy Ettinger's mulberry32). */
function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
