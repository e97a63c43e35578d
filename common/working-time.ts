const LONGEST_TICK_MS = 10_000;
const SHORTEST_TICK_MS = 50;
const TICKS = 60;

/**
 * Does something after this process has been at work for so long, unless the function that it returns is called before. Time for which
 * the process stood still (SIGSTOP, a laptop that sleeps) does not count, nor does what a busy event loop was late by: what came
 * meanwhile is read before.
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
  // What is waited for keeps the process alive.
  timer.unref();
  return () => clearInterval(timer);
}
