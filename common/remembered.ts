/**
 * Makes a value at the first call, and keeps it. Callers that ask meanwhile wait for the same attempt. A
 * failed attempt is not kept: the next caller makes another one, so that a short failure does not last as
 * long as the process.
 */
export function remembered<T>(make: () => Promise<T>): () => Promise<T> {
  let kept: Promise<T> | null = null;
  return () => {
    if (kept !== null) return kept;
    const attempt = make();
    kept = attempt;
    attempt.catch(() => {
      if (kept === attempt) kept = null;
    });
    return attempt;
  };
}
