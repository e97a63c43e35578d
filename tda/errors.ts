/** The input is not a point cloud, a distance matrix or a setting this room can work with. Trying again will not help. */
export class TdaInputError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TdaInputError';
  }
}

/**
 * The work does not fit in the memory allowed. Raised before anything large is allocated; by clouds that take more than most
 * of their size do, as soon as that is seen.
 */
export class TdaMemoryError extends Error {
  /** What the computation, or the part that is too large, needs by prediction: bytes. */
  readonly predictedBytes: number;
  /** What that was allowed, bytes. */
  readonly limitBytes: number;

  constructor(message: string, predictedBytes: number, limitBytes: number) {
    super(message);
    this.name = 'TdaMemoryError';
    this.predictedBytes = predictedBytes;
    this.limitBytes = limitBytes;
  }
}
