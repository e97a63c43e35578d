/**
 * Does work on the values of a stream and yields the results in the order of the values. Asynchronous work
 * begins early, for up to `limit` values. If the caller stops early, the generator first waits for the work
 * that has begun.
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
        // The loop meets the error in its turn; until then it must not count as an unhandled rejection.
        result.catch(() => undefined);
      }
      // Results of synchronous work wait behind asynchronous ones: limit their number too.
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
