/** The promise's result, or the signal's reason as soon as it is raised; the work itself goes on, and is the caller's to stop. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return await new Promise<T>((resolve, reject) => {
    const raise = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', raise, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', raise));
  });
}
