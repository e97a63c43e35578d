/**
 * Does work on the values of a stream and hands on what came of it, in the order of the values. Work that is a promise is begun
 * for up to `limit` values before its turn; whoever stops early has waited for what was begun.
 */
export async function* ahead<T, R>(
  values: AsyncIterable<T>,
  limit: number,
  work: (value: T) => R | Promise<R>,
): AsyncGenerator<readonly [value: T, result: R], void, undefined> {
  const begun: { readonly value: T; readonly result: R | Promise<R> }[] = [];
  let underWay = 0;
  try {
    for await (const value of values) {
      const result = work(value);
      begun.push({ value, result });
      if (result instanceof Promise) {
        underWay++;
        // Met when its turn comes; until then it must not count as unhandled.
        result.catch(() => undefined);
      }
      // What needed no promise waits behind what did: not too many of them either.
      const full = (): boolean => underWay >= limit || begun.length >= 16 * limit;
      while (begun.length > 0 && (full() || !(begun[0]!.result instanceof Promise))) {
        const next = begun.shift()!;
        if (next.result instanceof Promise) underWay--;
        yield [next.value, await next.result];
      }
    }
    for (let next = begun.shift(); next !== undefined; next = begun.shift()) {
      yield [next.value, await next.result];
    }
  } finally {
    await Promise.allSettled(begun.map(({ result }) => result));
  }
}
