// Prints the answers of the compiled loader to batches, from a process of its own (as token-ids.mjs).
// Argument: {model, folder, batches} as JSON, where an item is {file, seed}, {text, seed} or {width, height, seed}.
// For each batch it prints its captions, or errors as {kind, message}, and whether the captions are cut.
import sharp from 'sharp';
import { openFolder } from '../../../dist/models/files/model-files.js';
import { loadModel } from '../../../dist/models/loaders.js';
import { NothingComputes } from '../../../dist/models/onnx/session.js';

const { model, folder, batches } = JSON.parse(process.argv[2]);

async function inputOf({ file, text, width, height }) {
  if (text !== undefined) return { modality: 'text', text };
  if (width !== undefined)
    return { modality: 'image', width, height, pixels: new Uint8Array(width * height * 3) };
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { modality: 'image', width: info.width, height: info.height, pixels: new Uint8Array(data) };
}

const asJson = (error) => ({ kind: error.kind ?? 'bug', message: error.message });
try {
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
  console.log(JSON.stringify({ fingerprint: loaded.fingerprint, answers, cuts }));
} catch (error) {
  console.log(JSON.stringify({ error: asJson(error) }));
}
