interface Waiting {
  readonly acts: Set<() => void>;
  readonly listener: () => void;
}

const waitingFor = new WeakMap<AbortSignal, Waiting>();

/**
 * Does something when a signal is raised, until the function that it returns is called. However many wait for the same signal, as for
 * the vectors of hundreds of texts, it has one listener: Node takes more than ten for a leak, and warns.
 */
export function onAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal === undefined) return () => undefined;
  const { acts, listener } = waitingFor.get(signal) ?? begin(signal);
  // Of its own: the same function may be given twice.
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
    // Each takes itself out.
    for (const act of acts) act();
  };
  const waiting = { acts, listener };
  waitingFor.set(signal, waiting);
  signal.addEventListener('abort', listener);
  return waiting;
}
