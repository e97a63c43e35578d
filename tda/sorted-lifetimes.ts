import { checkDiagram, finiteLifetimes } from './diagram.js';

/**
 * L1 distance between the lifetimes of two diagrams (birth, death, birth, death…): the lengths of the finite
 * bars of each, in descending order, the shorter list padded with zeros; the sum of the differences place by
 * place. Unit: that of the births.
 *
 * It is not a Wasserstein distance between diagrams: it ignores when a bar is born, so different diagrams can
 * be at distance 0. It is at most twice `wassersteinDistance` with power 1. The system that this one replaces
 * recorded it under the name of Wasserstein. Use it only to compare with those results.
 *
 * Throws TdaInputError, which names the place, for a malformed diagram.
 */
export function sortedLifetimesDistance(a: Float32Array, b: Float32Array): number {
  checkDiagram(a, 'a');
  checkDiagram(b, 'b');
  const lifetimesA = finiteLifetimes(a).sort().toReversed();
  const lifetimesB = finiteLifetimes(b).sort().toReversed();
  let distance = 0;
  for (let place = 0; place < Math.max(lifetimesA.length, lifetimesB.length); place++) {
    distance += Math.abs((lifetimesA[place] ?? 0) - (lifetimesB[place] ?? 0));
  }
  return distance;
}
