/** What the exit code of every command means; `panic-tda --help` prints it. */
export const EXIT = {
  ok: 0,
  /** The experiment failed, or ended with failed runs; a command that checks or changes something found a fault, or failed. */
  failed: 1,
  /** The request is wrong: arguments, experiment file, data folder. Nothing was done. */
  badInput: 2,
  /** Somebody else ended the experiment while we followed it (`cancel`, or the web UI), or holds it (`pause`). The work is resumable. */
  cancelled: 3,
  /**
   * How it ended, or what there is, is not known: a service does not answer or refuses, a process of the command's own was given up, or
   * what it says could not be written. No experiment failed for that.
   */
  unknown: 4,
  /** Of a worker: what is stored is of a newer version, to which it may not write. Started again, it is refused with the same code. */
  newerTables: 5,
} as const;

/** Ended by Ctrl-C (130), SIGTERM (143) or a closed terminal (129), as shells number it; the work is resumable. */
export const SIGNAL_EXIT = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

export type StopSignal = keyof typeof SIGNAL_EXIT;

export const EXIT_CODE_HELP = `Exit codes:
  0    done
  1    the experiment failed or ended with failed runs; or, of a command that checks or changes something, it found a fault or failed
  2    the request is wrong (arguments, file, data folder); nothing was done
  3    the experiment was cancelled from elsewhere, or is paused; it can be resumed
  4    how it ended is not known: a service did not answer, or its output could not be written; what is stored stays
  5    a worker of an older version than the tables, which may not write to them; start one of the newer version
  130  stopped by Ctrl-C (143 by SIGTERM, 129 by a closed terminal); it can be resumed`;
