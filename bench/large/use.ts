/** The resources of a program from its first line to its end, all of its threads together. */
export interface Use {
  readonly wallMs: number;
  readonly cpuMs: number;
  /** The longest time in which the event loop took no turn. */
  readonly holdMs: number;
  /** Growth from before its first line to the maximum. */
  readonly rssMiB: number;
}
