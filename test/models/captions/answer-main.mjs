// Answers with what the compiled loader makes, in a process of its own: the runtime does not know the typed arrays of Jest's
// realm. A message is {model, folder, batches} or {model, folder, pictures}, and tiny-models.ts sends one after the other.
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { captionTokens, openFamily } from '../../../dist/models/captions/captioner.js';
import { ModelFolder } from '../../../dist/models/captions/model-folder.js';
import { captionSettings } from '../../../dist/models/captions/settings.js';
import { openFolder } from '../../../dist/models/files/model-files.js';
import { loadModel } from '../../../dist/models/loaders.js';
import { NothingComputes } from '../../../dist/models/onnx/session.js';

async function readPicture(path) {
  const { data, info } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { modality: 'image', width: info.width, height: info.height, pixels: new Uint8Array(data) };
}

async function inputOf({ file, text, width, height }) {
  if (text !== undefined) return { modality: 'text', text };
  if (width === undefined) return readPicture(file);
  return { modality: 'image', width, height, pixels: new Uint8Array(width * height * 3) };
}

const asJson = (error) => ({ kind: error.kind ?? 'bug', message: error.message });

/**
 * An item is {file, seed}, {text, seed} or {width, height, seed}. For each batch: its captions, or errors as
 * {kind, message}, and whether the captions are cut.
 */
async function captions({ model, folder, batches }) {
  const files = await openFolder(model, folder);
  const loaded = await loadModel({ model, files, device: 'cpu' });
  const looked = { model, files: await openFolder(model, folder), device: 'unopened' };
  const look = await loadModel(looked).catch((error) => error);
  if (!(look instanceof NothingComputes)) throw new Error(`a look at its files says ${look}`);
  const answers = [];
  const cuts = [];
  for (const batch of batches) {
    const items = await Promise.all(
      batch.map(async (item) => ({ input: await inputOf(item), seed: item.seed })),
    );
    const made = await loaded.generate(items);
    cuts.push(made.map(({ outputCut }) => outputCut ?? null));
    answers.push(made.map((item) => (item instanceof Error ? asJson(item) : item.output.text)));
  }
  return { fingerprint: loaded.fingerprint, answers, cuts };
}

/** For each picture, a path: the pixels (dims, SHA-256), the ids of the prompt and the ids of the caption. */
async function tokenIds({ model, folder, pictures }) {
  const settings = captionSettings.parse(model.settings);
  const files = await openFolder(model, folder);
  const captioner = await openFamily(new ModelFolder({ model, files, device: 'cpu' }, settings), settings);
  const answers = [];
  for (const path of pictures) {
    const picture = await readPicture(path);
    const { pixel_values: pixels, input_ids: prompt } = await captioner.inputsFor(picture);
    const bytes = new Uint8Array(pixels.data.buffer);
    answers.push({
      pixel_values: { dims: pixels.dims, sha256: createHash('sha256').update(bytes).digest('hex') },
      input_ids: prompt ? Array.from(prompt.data, Number) : null,
      greedy_ids: await captionTokens(captioner, settings, picture, 0),
    });
  }
  return answers;
}

process.on('message', (task) => {
  void (task.batches ? captions(task) : tokenIds(task))
    .catch((error) => ({ error: asJson(error) }))
    .then((answer) => process.send(JSON.stringify(answer)));
});
