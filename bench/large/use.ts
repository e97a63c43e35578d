/** What a program took from its first line to its end, all of its threads together. */
export interface Use {
  readonly wallMs: number;
  readonly cpuMs: number;
  /** The longest time in which the event loop took no turn. */
  readonly holdMs: number;
  /** From before its first line to the most that it had. */
  readonly rssMiB: number;
}
