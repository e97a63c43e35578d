import * as fc from 'fast-check';

/**
 * Births 0 to 9, lengths 1 to 9, some essential bars. Such diagrams have many ties, and every sum of costs is
 * exact.
 */
export function tiedDiagrams(maxBars: number): fc.Arbitrary<Float32Array> {
  return diagramsOf(
    fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 4 })),
    maxBars,
  );
}

/** As `tiedDiagrams`, without essential bars. */
export function tiedFiniteDiagrams(maxBars: number): fc.Arbitrary<Float32Array> {
  return diagramsOf(
    fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.constant(1)),
    maxBars,
  );
}

/** Finite bars of lengths 1 to 12, all born at 2, as in degree 0. */
export function tiedDiagramsBornTogether(maxBars: number): fc.Arbitrary<Float32Array> {
  return diagramsOf(fc.tuple(fc.constant(2), fc.integer({ min: 1, max: 12 }), fc.constant(1)), maxBars);
}

/** Finite bars of any float32 birth and length up to 1. */
export function finiteDiagrams(maxBars: number): fc.Arbitrary<Float32Array> {
  const unit = fc.float({ min: 0, max: 1, noNaN: true });
  return diagramsOf(fc.tuple(unit, unit, fc.constant(1)), maxBars);
}

function diagramsOf(
  bars: fc.Arbitrary<[birth: number, length: number, essentialAt0: number]>,
  maxBars: number,
): fc.Arbitrary<Float32Array> {
  return fc
    .array(bars, { maxLength: maxBars })
    .map((list) =>
      Float32Array.from(
        list.flatMap(([birth, length, essentialAt0]) => [
          birth,
          essentialAt0 === 0 ? Infinity : birth + length,
        ]),
      ),
    );
}
