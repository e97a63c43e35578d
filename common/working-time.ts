const LONGEST_TICK_MS = 10_000;
const SHORTEST_TICK_MS = 50;
const TICKS = 60;

/**
 * Calls `act` after this process has worked for this time, unless the caller first calls the function that
 * this one returns. Time in which the process stood still (SIGSTOP, a laptop that sleeps) does not count, and
 * neither does the delay of a busy event loop: the process reads first what arrived meanwhile.
 */
export function afterWorkingTime(ms: number, act: () => void): () => void {
  const tickMs = Math.min(LONGEST_TICK_MS, Math.max(SHORTEST_TICK_MS, ms / TICKS));
  let [worked, last] = [0, performance.now()];
  const timer = setInterval(() => {
    const now = performance.now();
    const isLate = now - last > 2 * tickMs;
    last = now;
    if (isLate) return;
    worked += tickMs;
    if (worked < ms) return;
    clearInterval(timer);
    act();
  }, tickMs);
  // The work that the caller waits for keeps the process alive, so the timer need not.
  timer.unref();
  return () => clearInterval(timer);
}
