/** The input is no trajectory, partition or setting that this room can work with. Trying again will not help. */
export class AnalysisInputError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AnalysisInputError';
  }
}
