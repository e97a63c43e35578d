/** What the exit code of every command means; `panic-tda --help` prints it. */
export const EXIT = {
  ok: 0,
  /** The work ended, and some of it failed; or the command itself failed. */
  failed: 1,
  /** The request is wrong: arguments, experiment file, data folder. Nothing was done. */
  badInput: 2,
  /** Ended by Ctrl-C or SIGTERM; the work is resumable. */
  interrupted: 130,
  terminated: 143,
} as const;

export const EXIT_CODE_HELP = `
Exit codes: 0 done, 1 failed or finished with failed runs, 2 wrong input (nothing was done),
130 stopped by Ctrl-C, 143 stopped by SIGTERM (in both cases the work can be resumed).`;
