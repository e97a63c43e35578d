/**
 * A quantile of values in rising order: linear between the two values around it (Hyndman & Fan 1996, Amer. Statist.
 * 50:361, definition 7). `share` in [0, 1]; at least one value.
 */
export function quantileOf(sorted: ArrayLike<number>, share: number): number {
  const place = share * (sorted.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (place - low) * (sorted[high]! - sorted[low]!);
}
