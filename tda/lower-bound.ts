/** Number of entries of a rising array that are less than `wanted`: its place, if it is there. */
export function lowerBound(rising: Uint16Array | Uint32Array, wanted: number): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rising[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
