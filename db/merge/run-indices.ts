/** Indices of runs as ranges: a million consecutive runs take no more room than one. */
export interface RunIndices {
  readonly size: number;
  has(index: number): boolean;
}

/** Collects indices in ascending order. A repetition of the last index changes nothing. */
export function runIndices(): RunIndices & { add(index: number): void } {
  const ranges: { readonly from: number; to: number }[] = [];
  let size = 0;

  function add(index: number): void {
    const last = ranges.at(-1);
    if (last !== undefined && index < last.to) throw new Error(`run ${index} came after run ${last.to}`);
    if (last?.to === index) return;
    if (last?.to === index - 1) last.to = index;
    else ranges.push({ from: index, to: index });
    size++;
  }

  function has(index: number): boolean {
    let [low, high] = [0, ranges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ranges[middle]!.to < index) low = middle + 1;
      else high = middle;
    }
    return low < ranges.length && ranges[low]!.from <= index;
  }

  return {
    get size() {
      return size;
    },
    has,
    add,
  };
}
