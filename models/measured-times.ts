/**
 * Milliseconds of a call, for the models that come with the program. `plan` takes them where the data folder has no
 * history of a model. `node dist/bench/model-times.js` printed them on 2026-11-29, on two cores of an AMD EPYC that
 * had other work; trained models ran on the processor.
 */
export const MEASURED_MS_PER_INVOCATION: ReadonlyMap<string, number> = new Map([
  ['ProceduralPainter', 2],
  ['ProceduralDescriber', 0.8],
  ['PatternPainter', 1.5],
  ['PatternDescriber', 1.3],
  ['ShapesPainter', 500],
  ['ShapesCaptioner', 300],
  ['DummyT2I', 0.1],
  ['DummyI2T', 0.2],
]);

/** Milliseconds for a vector, measured likewise. */
export const MEASURED_MS_PER_VECTOR: ReadonlyMap<string, number> = new Map([
  ['HashedNgram', 0.2],
  ['ColourGradient', 6],
  ['Dummy', 0.01],
]);
