/** The queues of each worker of `run`. Two processes: a native crash of a model takes neither the workflows nor the diagrams with it. */
export const EMBEDDED_WORKERS = ['main,cpu', 'gpu'] as const;

/** The words that start one, behind the program. */
export function workerWords(queues: string, dataFolder: string): string[] {
  return ['worker', '--queues', queues, '--data', dataFolder];
}
