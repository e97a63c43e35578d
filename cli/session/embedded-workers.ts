/**
 * The queues of each worker of `run`. These are two processes, so that a native crash of a model ends neither
 * the workflows nor the diagrams.
 */
export const EMBEDDED_WORKERS = ['main,cpu', 'gpu'] as const;

/** The words after the name of the program that start one of them. */
export function workerWords(queues: string, dataFolder: string): string[] {
  return ['worker', '--queues', queues, '--data', dataFolder];
}
