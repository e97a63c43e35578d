/**
 * Returns the result of the promise, or throws the reason of the signal as soon as that is raised. The work
 * itself continues; the caller must stop it.
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return await new Promise<T>((resolve, reject) => {
    const raise = (): void => reject(signal.reason);
    signal.addEventListener('abort', raise, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', raise));
  });
}
