/** The input is not a point cloud, a distance matrix or a setting this room can work with. Trying again will not help. */
export class TdaInputError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TdaInputError';
  }
}

/** The work would not fit in the memory allowed. Raised before anything large is allocated. */
export class TdaMemoryError extends Error {
  /** What the computation is predicted to need, bytes. */
  readonly predictedBytes: number;
  /** What it was allowed, bytes. */
  readonly limitBytes: number;

  constructor(message: string, predictedBytes: number, limitBytes: number) {
    super(message);
    this.name = 'TdaMemoryError';
    this.predictedBytes = predictedBytes;
    this.limitBytes = limitBytes;
  }
}
