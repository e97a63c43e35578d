/** What the exit code of each command means. `panic-tda --help` prints it. */
export const EXIT = {
  ok: 0,
  /**
   * The experiment failed or ended with failed runs; or a command that checks or changes something found a
   * fault or failed.
   */
  failed: 1,
  /** The request is wrong: arguments, experiment file or data folder. The command did nothing. */
  badInput: 2,
  /**
   * Another command or an operator ended the experiment while we followed it (`cancel`, or the web UI), or
   * holds it (`pause`). The work can be resumed.
   */
  cancelled: 3,
  /**
   * The command does not know how the work ended, or what there is: a service does not answer or refuses, the
   * command gave up a process of its own, or its output could not be written. No experiment failed because of
   * that.
   */
  unknown: 4,
  /**
   * For a worker: the stored tables are of a newer version, and this one may not write to them. A restart ends
   * with the same code.
   */
  newerTables: 5,
} as const;

/** The signals that stop a command. */
export const STOP_SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

export type StopSignal = (typeof STOP_SIGNALS)[number];

/**
 * The command was ended by Ctrl-C (130), SIGTERM (143) or a closed terminal (129), as shells number it. The work can
 * be resumed.
 */
export const SIGNAL_EXIT: Readonly<Record<StopSignal, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

export const EXIT_CODE_HELP = `Exit codes:
  0    done
  1    the experiment failed or ended with failed runs; or, of a command that checks or changes something, it found a fault or failed
  2    the request is wrong (arguments, file, data folder); nothing was done
  3    the experiment was cancelled from elsewhere, or is paused; it can be resumed
  4    how it ended is not known: a service did not answer, or its output could not be written; what is stored stays
  5    a worker of an older version than the tables, which may not write to them; start one of the newer version
  130  stopped by Ctrl-C (143 by SIGTERM, 129 by a closed terminal); it can be resumed`;
