// Prints the inputs and outputs of the compiled loader for pictures, from a process of its own: the runtime does not know
// the typed arrays of Jest's realm. Argument: {model, folder, pictures: paths} as JSON.
// For each picture it prints the pixels (dims, SHA-256), the ids of the prompt and the ids of the caption.
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { captionTokens, openFamily } from '../../../dist/models/captions/captioner.js';
import { ModelFolder } from '../../../dist/models/captions/model-folder.js';
import { openFolder } from '../../../dist/models/files/model-files.js';
import { captionSettings } from '../../../dist/models/captions/settings.js';

const { model, folder, pictures } = JSON.parse(process.argv[2]);
const settings = captionSettings.parse(model.settings);
const files = await openFolder(model, folder);
const captioner = await openFamily(new ModelFolder({ model, files, device: 'cpu' }, settings), settings);
const answers = [];
for (const path of pictures) {
  const { data, info } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const picture = { modality: 'image', width: info.width, height: info.height, pixels: new Uint8Array(data) };
  const { pixel_values: pixels, input_ids: prompt } = await captioner.inputsFor(picture);
  const bytes = new Uint8Array(pixels.data.buffer);
  answers.push({
    pixel_values: { dims: pixels.dims, sha256: createHash('sha256').update(bytes).digest('hex') },
    input_ids: prompt ? Array.from(prompt.data, Number) : null,
    greedy_ids: await captionTokens(captioner, settings, picture, 0),
  });
}
console.log(JSON.stringify(answers));
