import { LogitsProcessor, LogitsProcessorList, random, Tensor } from '@huggingface/transformers';
import { type Artifact, type ImageArtifact, pictureExcess } from '../../experiment/artifact.js';
import { assertNever, PanicError } from '../../common/errors.js';
import type { GenerativeModel } from '../../experiment/model.js';
import { onOneLine } from '../../common/text.js';
import { checkGenerated } from '../check-output.js';
import type { GeneratedItem, GenerateItem, LoadedGenerator, LoadTask } from '../loaded-model.js';
import { fingerprintOf } from '../onnx/fingerprint.js';
import { runtimeError } from '../onnx/runtime-error.js';
import type { OpenCaptioner } from './family.js';
import { openFlorence2 } from './florence2.js';
import { graphDtypes, ModelFolder } from './model-folder.js';
import { openMoondream } from './moondream.js';
import { openQwenVl } from './qwen-vl.js';
import { type CaptionSettings, captionSettings } from './settings.js';
import { openSmolVlm } from './smolvlm.js';
import { openVisionEncoderDecoder } from './vision-encoder-decoder.js';

/**
 * Loads a captioner of transformers.js from files in the layout of its repository, on exactly `task.device` and
 * without the network. The captioner takes pictures one by one, so that a caption does not depend on the batch. A
 * caption is one line (common/text.ts).
 * Throws PanicError `ModelFilesMissing` where files are absent or unreadable, `InvalidInput` where settings do not
 * fit the model's files, and `DeviceError` where the graphs cannot be opened.
 */
export async function loadCaptioner(task: LoadTask<GenerativeModel>): Promise<LoadedGenerator> {
  const { model } = task;
  const settings = captionSettings.parse(model.settings);
  const captioner = await openFamily(new ModelFolder(task, settings), settings);
  return {
    kind: 'generative',
    fingerprint: { ...fingerprintOf(task, { readsText: true }), dtype: dtypeOf(settings) },
    generate: async (items) => {
      const captions: (GeneratedItem | PanicError)[] = [];
      for (const item of items) captions.push(await captionOrError(model, captioner, settings, item));
      return captions;
    },
  };
}

/** Opens the graphs of a model, by its family. Throws like loadCaptioner. */
export function openFamily(folder: ModelFolder, settings: CaptionSettings): Promise<OpenCaptioner> {
  switch (settings.family) {
    case 'vision-encoder-decoder':
      return openVisionEncoderDecoder(folder, settings);
    case 'florence2':
      return openFlorence2(folder, settings);
    case 'moondream':
      return openMoondream(folder, settings);
    case 'smolvlm':
      return openSmolVlm(folder, settings);
    case 'qwen-vl':
      return openQwenVl(folder, settings);
    default:
      return assertNever(settings);
  }
}

/** The one format of all graphs, or each graph's name with its format where formats differ. */
function dtypeOf(settings: CaptionSettings): string {
  const dtypes = Object.entries(graphDtypes(settings));
  const distinct = new Set(dtypes.map(([, dtype]) => dtype));
  return distinct.size === 1
    ? [...distinct].join()
    : dtypes.map(([graph, dtype]) => `${graph} ${dtype}`).join(', ');
}

async function captionOrError(
  model: GenerativeModel,
  captioner: OpenCaptioner,
  settings: CaptionSettings,
  { input, seed }: GenerateItem,
): Promise<GeneratedItem | PanicError> {
  try {
    const ids = await captionTokens(captioner, settings, checkedPicture(model, input), seed);
    const text = onOneLine(await captioner.tokenizer.decode(ids));
    const output: Artifact = { modality: 'text', text };
    checkGenerated(model, output);
    return { output, cutTokens: 0, outputCut: !endsItself(captioner, settings, ids) };
  } catch (error) {
    if (error instanceof PanicError && error.kind !== 'DeviceError') return error;
    throw error;
  }
}

/**
 * Whether a caption ends with a token that ends captions. Otherwise the model stopped at `max_new_tokens`, or at
 * its own limit.
 */
function endsItself(
  { model }: OpenCaptioner,
  { max_new_tokens: most }: CaptionSettings,
  ids: readonly number[],
): boolean {
  // As `generate` reads it: of generation_config.json, or of config.json.
  // oxlint-disable-next-line no-underscore-dangle -- the library's own way, which its types show
  const { eos_token_id: end, forced_eos_token_id: forced } = model._prepare_generation_config(null, {});
  const ends: readonly unknown[] = Array.isArray(end) ? end : [end];
  if (!ends.includes(ids.at(-1))) return false;
  // Models like BART are forced to write the end token at the limit, where it proves nothing.
  const made = ids.length - (model.config.is_encoder_decoder ? 1 : 0);
  return (forced ?? null) === null || made < most;
}

function checkedPicture(model: GenerativeModel, input: Artifact): ImageArtifact {
  if (input.modality !== 'image') {
    throw new PanicError('InvalidInput', `${model.name} takes image; it was given ${input.modality}`);
  }
  const { width, height } = input;
  const excess = pictureExcess(width, height);
  if (excess !== null) {
    throw new PanicError(
      'InvalidInput',
      `${model.name} was given a picture of ${width} x ${height} pixels; ${excess} are taken`,
    );
  }
  return input;
}

// The library has one sequence of random numbers for the whole process, so calls take turns.
let lastCall: Promise<unknown> = Promise.resolve();

/**
 * The ids of a caption's tokens, special ones included. Throws PanicError `ModelOutputInvalid` for scores that are not numbers,
 * `InvalidInput` where the runtime refuses the graphs on this device, and `DeviceError` where it fails.
 */
export function captionTokens(
  captioner: OpenCaptioner,
  settings: CaptionSettings,
  picture: ImageArtifact,
  seed: number,
): Promise<number[]> {
  const call = lastCall.then(() => generateTokens(captioner, settings, picture, seed));
  lastCall = call.catch(() => {});
  return call;
}

async function generateTokens(
  { model, inputsFor }: OpenCaptioner,
  settings: CaptionSettings,
  picture: ImageArtifact,
  seed: number,
): Promise<number[]> {
  const inputs = await inputsFor(picture);
  const checks = new LogitsProcessorList();
  checks.push(new FiniteScores());
  if (settings.do_sample) random.seed(seed);
  try {
    // Each setting is passed by name, so that the catalogue decides and not the model's generation_config.json.
    const sequences = await model.generate({
      ...inputs,
      max_new_tokens: settings.max_new_tokens,
      num_beams: 1,
      do_sample: settings.do_sample,
      temperature: settings.temperature,
      top_k: settings.top_k,
      repetition_penalty: settings.repetition_penalty,
      no_repeat_ngram_size: settings.no_repeat_ngram_size,
      logits_processor: checks,
    });
    if (!(sequences instanceof Tensor)) throw new Error('generate gave no tokens');
    const ids = Array.from<bigint, number>(sequences.data, Number);
    // A decoder without an encoder repeats its prompt.
    return model.config.is_encoder_decoder ? ids : ids.slice(inputs['input_ids']!.dims[1]);
  } catch (error) {
    if (error instanceof PanicError) throw error;
    throw runtimeError('transformers.js failed', error);
  }
}

/** A score of minus infinity rules a token out. Any other score that is not finite means that the graph failed. */
class FiniteScores extends LogitsProcessor {
  override _call(_ids: bigint[][], logits: Tensor): Tensor {
    const scores: Iterable<number> = logits.data;
    for (const score of scores) {
      if (Number.isNaN(score) || score === Infinity) {
        throw new PanicError('ModelOutputInvalid', `the model scored a token with ${score}`);
      }
    }
    return logits;
  }
}
