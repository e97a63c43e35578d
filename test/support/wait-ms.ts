/** How long a test waits for a condition before it fails: a busy machine may take minutes. */
export const WAIT_MS = 240_000;
