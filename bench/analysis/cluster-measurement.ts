import { z } from 'zod';

/** What measure-clusters.ts prints. */
export const ClusterMeasurement = z.object({
  seconds: z.number(),
  cpuSeconds: z.number(),
  /** Of the vectors. */
  inputBytes: z.number(),
  /** Peak of the process before the call, input included, and after it. */
  baseBytes: z.number(),
  peakBytes: z.number(),
  /** Besides the input. */
  predictedBytes: z.number(),
  clusters: z.number(),
  noiseOfTime: z.number(),
  /** Null where the vectors themselves were clustered. */
  explainedVariance: z.number().nullable(),
});
export type ClusterMeasurement = z.output<typeof ClusterMeasurement>;
