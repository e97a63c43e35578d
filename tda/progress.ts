/** Called with what is done, and of how much. */
export type OnProgress = (done: number, total: number) => void;

const INTERVAL_MS = 100;

/** Passes on what is new ten times a second at most, and the whole always. */
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
