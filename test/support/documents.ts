import { z } from 'zod';

// What tests read of the JSON documents of the command line. A document keeps its other fields.

/** The document of `list`. */
export const ListDocument = z.array(
  z.looseObject({ id: z.string(), name: z.string().nullable(), state: z.string(), runs: z.number() }),
);

/** The document of `doctor`. */
export const DoctorDocument = z.looseObject({
  healthy: z.boolean(),
  problems: z.number(),
  warnings: z.number(),
  findings: z.array(
    z.looseObject({
      section: z.string(),
      level: z.string(),
      text: z.string(),
      builds: z.array(z.unknown()).optional(),
    }),
  ),
});

/** A document about one experiment, of `run`, `status` or `delete`, for example. */
export const OfExperiment = z.looseObject({ experiment: z.string() });
