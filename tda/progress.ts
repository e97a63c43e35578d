/** Called with the amount that is done, and the whole amount. */
export type OnProgress = (done: number, total: number) => void;

const INTERVAL_MS = 100;

/** Passes on new amounts at most ten times a second, and the whole amount always. */
export function tenTimesASecond(onProgress: OnProgress): OnProgress {
  let told = -1;
  let dueAt = 0;
  return (done, total) => {
    if (done === told) return;
    const now = performance.now();
    if (now < dueAt && done < total) return;
    told = done;
    dueAt = now + INTERVAL_MS;
    onProgress(done, total);
  };
}
