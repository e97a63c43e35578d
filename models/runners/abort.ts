interface Waiting {
  readonly acts: Set<() => void>;
  readonly listener: () => void;
}

const waitingFor = new WeakMap<AbortSignal, Waiting>();

/**
 * Calls `act` when a signal is raised, until the caller calls the returned function. Many may wait for one signal,
 * such as hundreds of texts for their vectors. The signal has one listener all the same, since Node takes more than
 * ten for a leak, and warns.
 */
export function onAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal === undefined) return () => undefined;
  const { acts, listener } = waitingFor.get(signal) ?? begin(signal);
  // A function of its own, since a caller may pass the same `act` twice.
  const own = (): void => act();
  acts.add(own);
  return () => {
    if (!acts.delete(own) || acts.size > 0) return;
    signal.removeEventListener('abort', listener);
    waitingFor.delete(signal);
  };
}

function begin(signal: AbortSignal): Waiting {
  const acts = new Set<() => void>();
  const listener = (): void => {
    // Each of them removes itself.
    for (const act of acts) act();
  };
  const waiting = { acts, listener };
  waitingFor.set(signal, waiting);
  signal.addEventListener('abort', listener);
  return waiting;
}
