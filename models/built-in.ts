import type { Artifact, ImageArtifact, TextArtifact } from '../experiment/artifact.js';
import { PanicError } from '../common/errors.js';
import { embedColourGradient } from './colour-gradient.js';
import { describeDummy, embedDummy, paintDummy } from './dummy.js';
import {
  describeAfterCrash,
  describeBehindGate,
  describeSlowly,
  describeUnlessPoisoned,
  describeUnlessSeed13,
  paintSlowly,
} from './test-models/faulty.js';
import { embedHashedNgrams } from './hashed-ngram.js';
import { describePattern } from './pattern/describer.js';
import { paintPattern } from './pattern/painter.js';
import { describeProcedural } from './procedural/describer.js';
import { paintProcedural } from './procedural/painter.js';

type Paint = (prompt: TextArtifact, seed: number) => ImageArtifact;
type Describe = (picture: ImageArtifact, seed: number) => TextArtifact;
type EmbedText = (text: TextArtifact) => Float32Array;
type EmbedPicture = (picture: ImageArtifact) => Float32Array;

// Object.hasOwn below: a model called "constructor" must not be found.
const painters: Readonly<Record<string, Paint>> = {
  ProceduralPainter: paintProcedural,
  PatternPainter: paintPattern,
  DummyT2I: paintDummy,
  SlowT2I: paintSlowly,
};
const describers: Readonly<Record<string, Describe>> = {
  ProceduralDescriber: describeProcedural,
  PatternDescriber: describePattern,
  DummyI2T: describeDummy,
  EmptyCaptionI2T: describeUnlessSeed13,
  PoisonedI2T: describeUnlessPoisoned,
  CrashingI2T: describeAfterCrash,
  GatedI2T: describeBehindGate,
  SlowI2T: describeSlowly,
};
const textEmbedders: Readonly<Record<string, EmbedText>> = {
  HashedNgram: (text) => embedHashedNgrams(text.text, 768),
  Dummy: (text) => embedDummy(text, 768),
};
const pictureEmbedders: Readonly<Record<string, EmbedPicture>> = { ColourGradient: embedColourGradient };

function find<T>(models: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(models, name) ? models[name] : undefined;
}

/** Runs a built-in generative model. Throws PanicError `InvalidInput` for a name that has no code for this modality. */
export function generateBuiltIn(model: string, input: Artifact, seed: number): Artifact {
  const paint = find(painters, model);
  if (paint && input.modality === 'text') return paint(input, seed);
  const describe = find(describers, model);
  if (describe && input.modality === 'image') return describe(input, seed);
  throw new PanicError(
    'InvalidInput',
    `no built-in model ${model} turns ${input.modality} into something else`,
  );
}

/** Runs a built-in embedding model. Throws PanicError `InvalidInput` for a name that has no code for this modality. */
export function embedBuiltIn(model: string, input: Artifact): Float32Array {
  const embedText = find(textEmbedders, model);
  if (embedText && input.modality === 'text') return embedText(input);
  const embedPicture = find(pictureEmbedders, model);
  if (embedPicture && input.modality === 'image') return embedPicture(input);
  throw new PanicError('InvalidInput', `no built-in model ${model} embeds ${input.modality}`);
}
