/**
 * The input is no point cloud, distance matrix or setting that this room can work with. Trying again will not
 * help.
 */
export class TdaInputError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TdaInputError';
  }
}

/**
 * The work does not fit in the memory allowed. Thrown before anything large is allocated. For the few clouds
 * that need more than others of their size, thrown as soon as that is seen.
 */
export class TdaMemoryError extends Error {
  /** Predicted bytes of the computation, or of the part that is too large. */
  readonly predictedBytes: number;
  /** Bytes that the computation, or this part, may take. */
  readonly limitBytes: number;

  constructor(message: string, predictedBytes: number, limitBytes: number) {
    super(message);
    this.name = 'TdaMemoryError';
    this.predictedBytes = predictedBytes;
    this.limitBytes = limitBytes;
  }
}
