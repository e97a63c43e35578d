/** Edges of a graph on rows. */
export interface Edges {
  readonly first: Uint32Array;
  readonly second: Uint32Array;
  /** At least 0. */
  readonly heights: Float32Array;
}
